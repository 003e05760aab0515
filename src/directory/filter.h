/* filter: an LDAP filter template with values put in, each escaped (RFC 4515 3).
 *
 * `%c` is replaced by the value of letter c, `%%` by a percent sign. Pure.
 */
#ifndef DIRECTORY_FILTER_H
#define DIRECTORY_FILTER_H

#include "base/buf.h"
#include "base/error.h"

#define FILTER_MAX (64 * 1024) /* octets of a filter that is sent */

struct filter_value {
	char letter;
	struct slice value;
};

/* NO: the template names another letter than these, or ends in a lone %. */
enum answer filter_check(const char *template, const char *letters, struct error *err);
/* Appends to out. The template has been checked. False: no memory. */
bool filter_expand(const char *template, const struct filter_value *values, size_t count, struct buf *out);

#endif
