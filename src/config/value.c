#include "config/settings.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#define CHOICE_SEPARATOR " | "

static bool
refuse(char why[VALUE_WHY_MAX], const char *words)
{
	snprintf(why, VALUE_WHY_MAX, "%s", words);
	return false;
}

/* The place of text among "one | two | three"; -1: not there. */
static int
choice_index(const char *values, const char *text, char why[VALUE_WHY_MAX])
{
	size_t len = strlen(text);
	const char *at = values;

	for (int i = 0;; i++) {
		const char *end = strstr(at, CHOICE_SEPARATOR);
		size_t n = end == NULL ? strlen(at) : (size_t)(end - at);

		if (n == len && memcmp(at, text, n) == 0)
			return i;
		if (end == NULL)
			break;
		at = end + strlen(CHOICE_SEPARATOR);
	}
	snprintf(why, VALUE_WHY_MAX, "is none of %s", values);
	return -1;
}

static bool
read_digits(const char *text, uint64_t *number, const char **end)
{
	uint64_t n = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (n > (UINT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (uint64_t)(*at - '0');
	}
	*number = n;
	*end = at;
	return at > text;
}

static bool
read_size(const char *text, uint64_t *size)
{
	const char *end;
	unsigned shift = 0;

	if (!read_digits(text, size, &end))
		return false;
	if (*end == 'K' || *end == 'k')
		shift = 10;
	else if (*end == 'M' || *end == 'm')
		shift = 20;
	else if (*end == 'G' || *end == 'g')
		shift = 30;
	if (shift > 0)
		end++;
	if (*end != '\0' || *size > UINT64_MAX >> shift)
		return false;
	*size <<= shift;
	return true;
}

static bool
set_number(const struct setting *s, void *field, const char *text, char why[VALUE_WHY_MAX])
{
	bool size = s->shape != SHAPE_NUMBER;
	const char *end;
	uint64_t n;

	if (size ? !read_size(text, &n) : !read_digits(text, &n, &end) || *end != '\0') {
		snprintf(why, VALUE_WHY_MAX, "is not a %s (%s)", size ? "size" : "whole number", s->option.values);
		return false;
	}
	if (n < s->min || n > s->max) {
		snprintf(why, VALUE_WHY_MAX, "is out of range (%s)", s->option.values);
		return false;
	}
	if (s->shape == SHAPE_SIZE)
		*(uint64_t *)field = n;
	else
		*(unsigned *)field = (unsigned)n;
	return true;
}

static bool
set_mode(void *field, const char *text, char why[VALUE_WHY_MAX])
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (text[0] < '0' || text[0] > '7' || *end != '\0' || mode > 0777)
		return refuse(why, "is not an octal file mode such as 0660");
	if ((mode & S_IWOTH) != 0)
		return refuse(why, "lets every user of this host connect, and whoever connects is taken for the MTA");
	if ((mode & (S_IRUSR | S_IWUSR)) != (S_IRUSR | S_IWUSR))
		return refuse(why, "shuts the owner out");
	*(mode_t *)field = (mode_t)mode;
	return true;
}

static bool
set_facility(const struct setting *s, void *field, const char *text, char why[VALUE_WHY_MAX])
{
	static const int facility[] = {LOG_MAIL, LOG_DAEMON, LOG_USER, LOG_LOCAL0, LOG_LOCAL1, LOG_LOCAL2,
		LOG_LOCAL3, LOG_LOCAL4, LOG_LOCAL5, LOG_LOCAL6, LOG_LOCAL7};
	int i = choice_index(s->option.values, text, why);

	if (i < 0 || (size_t)i >= sizeof facility / sizeof *facility)
		return false;
	*(int *)field = facility[i];
	return true;
}

/* Fields whose removal would change who wrote what to whom, or what the body is. */
static bool
may_trigger(struct slice name)
{
	static const char *const kept[] = {"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Subject", "Date",
		"Message-ID", "In-Reply-To", "References", "Received", "Return-Path", "MIME-Version",
		"DKIM-Signature", "Authentication-Results", "X-Seal-Trace"};

	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (slice_eq_str_nocase(name, kept[i]))
			return false;
	return !slice_starts_nocase(name, "Content-") && !slice_starts_nocase(name, "Resent-") &&
		!slice_starts_nocase(name, "ARC-");
}

static bool
set_trigger(struct config_rule *rule, const char *text, char why[VALUE_WHY_MAX])
{
	struct slice all = slice_str(text), name, value;
	size_t colon = slice_find(all, ':', 0);

	name = slice_trim(slice_sub(all, 0, colon));
	value = slice_trim(slice_sub(all, colon + 1, all.len));
	if (colon == all.len || name.len == 0 || value.len == 0)
		return refuse(why, "is not of the form \"field: value\"");
	for (size_t i = 0; i < name.len; i++)
		if (name.data[i] <= ' ' || name.data[i] > '~')
			return refuse(why, "does not begin with a header field's name");
	if (!may_trigger(name))
		return refuse(why, "names a field that mail needs: a trigger is taken out of the message");
	rule->trigger_name = slice_dup(name);
	rule->trigger_value = slice_dup(value);
	if (rule->trigger_name == NULL || rule->trigger_value == NULL)
		return refuse(why, "does not fit into memory");
	return true;
}

static bool
check_plain(const struct setting *s, const char *text, char why[VALUE_WHY_MAX])
{
	if (*text == '\0')
		return refuse(why, "is empty");
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return refuse(why, "holds a control character");
	return s->check == NULL || s->check(text, why);
}

static bool
set_text(void *field, const char *text, char why[VALUE_WHY_MAX])
{
	char *copy = strdup(text);

	if (copy == NULL)
		return refuse(why, "does not fit into memory");
	*(char **)field = copy;
	return true;
}

/* "10.0.0.0/8", "2001:db8::/32" or one address. */
static bool
read_network(const char *text, struct config_network *n, char why[VALUE_WHY_MAX])
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchrnul(text, '/'), *end;
	size_t len = (size_t)(slash - text);
	struct in_addr v4;
	uint64_t bits, width = 128;

	if (len >= sizeof address)
		return refuse(why, "is not an IP address or network");
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, &v4) == 1) {
		width = 32;
		n->address = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
		memcpy(&n->address.s6_addr[12], &v4, sizeof v4);
	} else if (inet_pton(AF_INET6, address, &n->address) != 1) {
		return refuse(why, "is not an IP address or network");
	}
	bits = width;
	if (*slash == '/' && (!read_digits(slash + 1, &bits, &end) || *end != '\0' || bits > width))
		return refuse(why, "has no valid number of bits after the slash");
	n->bits = (unsigned)(bits + 128 - width);
	return true;
}

static bool
check_network(const struct config_network *n, char why[VALUE_WHY_MAX])
{
	for (unsigned bit = n->bits; bit < 128; bit++)
		if ((n->address.s6_addr[bit / 8] & (0x80 >> bit % 8)) != 0)
			return refuse(why, "has bits set beyond its network part");
	if (n->bits == 0 || (IN6_IS_ADDR_V4MAPPED(&n->address) && n->bits <= 96))
		return refuse(why, "is the whole Internet: nobody would be kept out");
	return true;
}

static bool
set_networks(struct config_networks *list, const char *const *text, size_t count, char why[VALUE_WHY_MAX])
{
	if (count == 0)
		return true;
	list->item = calloc(count, sizeof *list->item);
	if (list->item == NULL)
		return refuse(why, "does not fit into memory");
	for (size_t i = 0; i < count; i++) {
		char inner[VALUE_WHY_MAX];

		if (!read_network(text[i], &list->item[i], inner) || !check_network(&list->item[i], inner)) {
			snprintf(why, VALUE_WHY_MAX, "\"%.120s\" %.190s", text[i], inner);
			return false;
		}
	}
	list->count = count;
	return true;
}

/* "sender@a: from@b" */
static bool
read_pair(const char *text, struct config_pair *pair, char why[VALUE_WHY_MAX])
{
	struct slice all = slice_str(text), sender, from;
	size_t colon = slice_find(all, ':', 0);
	struct address a;

	sender = slice_trim(slice_sub(all, 0, colon));
	from = slice_trim(slice_sub(all, colon + 1, all.len));
	if (colon == all.len || !address_parse(sender, &a) || !address_parse(from, &a)
	    || sender.data[0] == '<' || from.data[0] == '<')
		return refuse(why, "is not of the form \"sender@domain: from@domain\"");
	pair->sender = slice_dup(sender);
	pair->from = slice_dup(from);
	return (pair->sender != NULL && pair->from != NULL) || refuse(why, "does not fit into memory");
}

static bool
set_pairs(struct config_pairs *list, const char *const *text, size_t count, char why[VALUE_WHY_MAX])
{
	if (count == 0)
		return true;
	list->item = calloc(count, sizeof *list->item);
	if (list->item == NULL)
		return refuse(why, "does not fit into memory");
	list->count = count;
	for (size_t i = 0; i < count; i++) {
		char inner[VALUE_WHY_MAX];

		if (!read_pair(text[i], &list->item[i], inner)) {
			snprintf(why, VALUE_WHY_MAX, "\"%.120s\" %.190s", text[i], inner);
			return false;
		}
	}
	return true;
}

static bool
set_list(const struct setting *s, struct config_strings *list, const char *const *text, size_t count,
	char why[VALUE_WHY_MAX])
{
	if (count == 0)
		return true;
	list->item = calloc(count, sizeof *list->item);
	if (list->item == NULL)
		return refuse(why, "does not fit into memory");
	for (size_t i = 0; i < count; i++) {
		char inner[VALUE_WHY_MAX];

		if (!check_plain(s, text[i], inner) || !set_text(&list->item[i], text[i], inner)) {
			snprintf(why, VALUE_WHY_MAX, "\"%.120s\" %.190s", text[i], inner);
			return false;
		}
		list->count = i + 1;
	}
	return true;
}

/* How many words there are in "one | two". */
static size_t
choice_count(const char *values)
{
	size_t count = 1;

	while ((values = strstr(values, CHOICE_SEPARATOR)) != NULL) {
		values += strlen(CHOICE_SEPARATOR);
		count++;
	}
	return count;
}

static bool
set_flags(const struct setting *s, bool *flag, const char *const *text, size_t count, char why[VALUE_WHY_MAX])
{
	for (size_t i = 0; i < count; i++) {
		char inner[VALUE_WHY_MAX];
		int j = choice_index(s->option.values, text[i], inner);

		if (j < 0) {
			snprintf(why, VALUE_WHY_MAX, "\"%.120s\" %.190s", text[i], inner);
			return false;
		}
		flag[j] = true;
	}
	return true;
}

static bool
set_single(const struct setting *s, void *block, const char *text, char why[VALUE_WHY_MAX])
{
	void *field = (char *)block + s->offset;
	int i;

	if (!check_plain(s, text, why))
		return false;
	switch (s->shape) {
	case SHAPE_CHOICE:
		i = choice_index(s->option.values, text, why);
		if (i >= 0)
			*(unsigned *)field = (unsigned)i;
		return i >= 0;
	case SHAPE_FLAG:
		i = choice_index(s->option.values, text, why);
		*(bool *)field = i == 1;
		return i >= 0;
	case SHAPE_NUMBER:
	case SHAPE_SIZE:
	case SHAPE_SIZE32:
		return set_number(s, field, text, why);
	case SHAPE_MODE:
		return set_mode(field, text, why);
	case SHAPE_FACILITY:
		return set_facility(s, field, text, why);
	case SHAPE_TRIGGER:
		return set_trigger(block, text, why);
	case SHAPE_OR_NONE:
		return strcmp(text, "none") == 0 || set_text(field, text, why);
	default:
		return set_text(field, text, why);
	}
}

bool
value_set(const struct setting *s, void *block, const char *const *text, size_t count, char why[VALUE_WHY_MAX])
{
	void *field = (char *)block + s->offset;
	bool done;

	value_free(s, block);
	if (s->shape == SHAPE_NETWORKS)
		done = set_networks(field, text, count, why);
	else if (s->shape == SHAPE_FLAGS)
		done = set_flags(s, field, text, count, why);
	else if (s->shape == SHAPE_PAIRS)
		done = set_pairs(field, text, count, why);
	else if (s->shape == SHAPE_LIST)
		done = set_list(s, field, text, count, why);
	else
		done = set_single(s, block, count > 0 ? text[0] : "", why);
	if (!done)
		value_free(s, block);
	return done;
}

#define INITIAL_ITEMS_MAX 8

bool
value_set_initial(const struct setting *s, void *block, char why[VALUE_WHY_MAX])
{
	const char *item[INITIAL_ITEMS_MAX];
	size_t count = 0;
	char *copy, *rest;
	bool done;

	if (s->option.initial == NULL)
		return true;
	copy = rest = strdup(s->option.initial);
	if (copy == NULL)
		return refuse(why, "does not fit into memory");
	if (setting_is_list(s)) {
		while (rest != NULL && count < INITIAL_ITEMS_MAX) {
			item[count] = strsep(&rest, ",");
			item[count] += strspn(item[count], " ");
			count++;
		}
	} else {
		item[count++] = copy;
	}
	done = value_set(s, block, item, count, why);
	free(copy);
	return done;
}

static void
free_strings(struct config_strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->item[i]);
	free(list->item);
	*list = (struct config_strings){0};
}

static void
free_pairs(struct config_pairs *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->item[i].sender);
		free(list->item[i].from);
	}
	free(list->item);
	*list = (struct config_pairs){0};
}

void
value_free(const struct setting *s, void *block)
{
	void *field = (char *)block + s->offset;
	struct config_networks *networks;
	struct config_rule *rule;

	switch (s->shape) {
	case SHAPE_TEXT:
	case SHAPE_OR_NONE:
		free(*(char **)field);
		*(char **)field = NULL;
		break;
	case SHAPE_FLAGS:
		memset(field, 0, choice_count(s->option.values) * sizeof(bool));
		break;
	case SHAPE_LIST:
		free_strings(field);
		break;
	case SHAPE_PAIRS:
		free_pairs(field);
		break;
	case SHAPE_NETWORKS:
		networks = field;
		free(networks->item);
		*networks = (struct config_networks){0};
		break;
	case SHAPE_TRIGGER:
		rule = block;
		free(rule->trigger_name);
		free(rule->trigger_value);
		rule->trigger_name = rule->trigger_value = NULL;
		break;
	default:
		break;
	}
}
