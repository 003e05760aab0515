/* tree: what people and programs are told, as one tree of JSON: text for people is written from the same
 * tree, so that the two can never say different things.
 *
 * Without memory a value is left out. One thread at a time for a tree.
 */
#ifndef GATEWAY_TREE_H
#define GATEWAY_TREE_H

#include "base/error.h"
#include "base/slice.h"

#include <jansson.h>

#include <stdbool.h>
#include <time.h>

/* What is not UTF-8 cannot stand in JSON: such octets are shown as "?". The caller's; NULL: no memory. */
json_t *tree_text(struct slice s);
void tree_put(json_t *object, const char *key, const char *value); /* NULL: nothing is put */
void tree_put_flag(json_t *object, const char *key, bool flag);
void tree_put_count(json_t *object, const char *key, long long count);
void tree_put_time(json_t *object, const char *key, time_t when);  /* "2027-05-31T12:00:00Z" */
void tree_put_reason(json_t *object, const char *key, const struct error *reason); /* YES: nothing is put */

#endif
