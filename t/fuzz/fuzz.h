/* fuzz: a fuzz target gets octets and must neither crash nor break a promise,
 * for which it calls abort(). With --enable-fuzzing libFuzzer drives it; make check
 * always replays t/fuzz/corpus/TARGET through it (replay.c).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
