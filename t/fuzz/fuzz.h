/* fuzz: a fuzz target gets octets and must neither crash nor break a promise,
 * or it ends in abort(). With --enable-fuzzing libFuzzer drives it; make check
 * always replays t/fuzz/corpus/TARGET through it (replay.c).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline void
promise(bool kept)
{
	if (!kept)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
