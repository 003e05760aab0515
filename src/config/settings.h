/* settings: every option once: its name, what it takes, its default, and the
 * field it fills.
 *
 * The default is given as text and read like a value from the file, so that what
 * the manual page says of it is what happens.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "config/config.h"

#include <stddef.h>

#define VALUE_WHY_MAX 320 /* octets of a reason why a value is refused */

/* What a field is in the struct, and how its text becomes it. */
enum shape {
	SHAPE_TEXT,     /* char * */
	SHAPE_LIST,     /* struct config_strings */
	SHAPE_CHOICE,   /* an enum; the values' order is the enum's */
	SHAPE_FLAG,     /* bool; of two values the second is true */
	SHAPE_FLAGS,    /* one bool for each of the values, in their order and side by side; takes a list */
	SHAPE_NUMBER,   /* unsigned */
	SHAPE_SIZE,     /* uint64_t, octets; K, M and G are understood */
	SHAPE_SIZE32,   /* the same, in an unsigned */
	SHAPE_MODE,     /* mode_t, octal */
	SHAPE_FACILITY, /* int, LOG_MAIL and so on */
	SHAPE_NETWORKS, /* struct config_networks */
	SHAPE_TRIGGER,  /* a rule's trigger_name and trigger_value */
	SHAPE_PAIRS,    /* struct config_pairs */
	SHAPE_OR_NONE,  /* char *, NULL for "none" */
};

/* Looks at one text, or one item of a list. False: why is filled. */
typedef bool value_check(const char *text, char why[VALUE_WHY_MAX]);

struct setting {
	struct config_option option;
	enum shape shape;
	size_t offset; /* in struct config or the block's struct */
	value_check *check; /* or NULL */
	uint64_t min, max;  /* of numbers and sizes */
};

extern const struct setting settings[]; /* ends with option.name NULL */

/* Fills the setting's field in block from the texts (one, unless it takes a
 * list). What was there is freed. False: why says what is wrong, and the field is empty. */
bool value_set(const struct setting *s, void *block, const char *const *text, size_t count,
	char why[VALUE_WHY_MAX]);
/* The same from the default; does nothing where there is none. */
bool value_set_initial(const struct setting *s, void *block, char why[VALUE_WHY_MAX]);
void value_free(const struct setting *s, void *block);
bool setting_is_list(const struct setting *s);

/* Checks for single values (check_*.c). */
value_check check_file, check_run_directory, check_socket, check_address, check_domain, check_uri,
	check_attribute, check_filter, check_login_filter, check_name, check_authserv_id,
	check_address_or_domain, check_directory_or_none, check_host, check_proxy, check_oid, check_parameter,
	check_word, check_notice_server, check_inventory_filter, check_inventory_attribute, check_argument,
	check_ascii_address;

/* Does a socket or URI of this form stay within this host? Names other than
 * localhost are taken for remote: they cannot be looked up here. */
bool socket_is_local(const char *socket);
bool uri_is_local(const char *uri);

#endif
