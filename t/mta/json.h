/* json: the few lines of JSON that mta-tool prints. Commas are put by the caller
 * as part of the key: json_text(",\"name\"", …). */
#ifndef JSON_H
#define JSON_H

#include "base/slice.h"

#include <stdio.h>

/* A string: UTF-8 as it is; what is not UTF-8 octet by octet, as if it were Latin-1. */
void json_slice(FILE *out, struct slice s);
void json_text(FILE *out, const char *key, const char *text); /* NULL: null */
void json_number(FILE *out, const char *key, unsigned long long n);
void json_bool(FILE *out, const char *key, bool b);
void json_ms(FILE *out, const char *key, unsigned long long us);

#endif
