#include "directory/filter.h"

#include <ldap.h>

#include <string.h>

enum answer
filter_check(const char *template, const char *letters, struct error *err)
{
	for (const char *p = template; (p = strchr(p, '%')) != NULL; p += 2)
		if (p[1] == '\0' || (p[1] != '%' && strchr(letters, p[1]) == NULL))
			return error_no(err, "filter", "%s: %%%c stands for nothing here", template,
				p[1] == '\0' ? ' ' : p[1]);
	return ANSWER_YES;
}

static bool
add_escaped(struct slice value, struct buf *out)
{
	struct berval from = {.bv_len = value.len, .bv_val = (char *)value.data}, to;

	if (value.len == 0)
		return true;
	if (ldap_bv2escaped_filter_value(&from, &to) != 0)
		return false;
	buf_add(out, to.bv_val, to.bv_len);
	if (to.bv_val != from.bv_val) /* it is handed back as it was where nothing is to be escaped */
		ber_memfree(to.bv_val);
	return true;
}

bool
filter_expand(const char *template, const struct filter_value *values, size_t count, struct buf *out)
{
	for (const char *p = template; *p != '\0'; p++) {
		if (*p != '%') {
			buf_add_byte(out, (unsigned char)*p);
			continue;
		}
		p++;
		if (*p == '%')
			buf_add_byte(out, '%');
		for (size_t i = 0; i < count; i++)
			if (values[i].letter == *p && !add_escaped(values[i].value, out))
				return false;
	}
	return !buf_failed(out);
}
