/* unit: what every unit test program shares.
 *
 * A test program builds one Suite and ends with `return unit_run(suite);`. Each
 * single check is a TAP line on standard output.
 */
#ifndef UNIT_H
#define UNIT_H

#include "base/buf.h"

#include <check.h>

/* Runs the suite and frees it. The program's exit status. */
int unit_run(Suite *s);

/* A file below t/data, whole, in b; the test fails where it cannot be read. */
void unit_read_data(const char *name, struct buf *b);
/* Fails with both texts, control characters made visible, unless they are equal. */
void unit_assert_slice(struct slice got, struct slice want, const char *file, int line);

#define unit_assert_slice_eq(got, want) unit_assert_slice((got), (want), __FILE__, __LINE__)
#define unit_assert_slice_str(got, want) unit_assert_slice((got), slice_str(want), __FILE__, __LINE__)

#endif
