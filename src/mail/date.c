#include "mail/date.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
	"Dec"};

static const struct {
	const char *name;
	int hours;
} zones[] = {{"EDT", -4}, {"EST", -5}, {"CDT", -5}, {"CST", -6}, {"MDT", -6}, {"MST", -7}, {"PDT", -7}, {"PST", -8}};

/* White space, folds and comments. */
static void
skip(struct slice *rest)
{
	unsigned depth = 0;

	while (rest->len > 0) {
		unsigned char c = rest->data[0];

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (depth == 0 && !ascii_is_white(c))
			return;
		*rest = slice_sub(*rest, depth > 0 && c == '\\' ? 2 : 1, rest->len);
	}
}

static bool
take_char(struct slice *rest, char c)
{
	skip(rest);
	if (rest->len == 0 || rest->data[0] != (unsigned char)c)
		return false;
	*rest = slice_sub(*rest, 1, rest->len);
	return true;
}

/* Of least to most digits. */
static bool
take_number(struct slice *rest, size_t least, size_t most, int *number)
{
	size_t n = 0;

	skip(rest);
	for (*number = 0; n < rest->len && rest->data[n] >= '0' && rest->data[n] <= '9'; n++) {
		if (n == most)
			return false;
		*number = *number * 10 + (rest->data[n] - '0');
	}
	*rest = slice_sub(*rest, n, rest->len);
	return n >= least;
}

static bool
take_name(struct slice *rest, const char *const names[], int count, int *which)
{
	skip(rest);
	for (*which = 0; *which < count; (*which)++)
		if (slice_starts_nocase(*rest, names[*which])) {
			*rest = slice_sub(*rest, strlen(names[*which]), rest->len);
			return true;
		}
	return false;
}

static bool
take_year(struct slice *rest, int *year)
{
	if (!take_number(rest, 2, 4, year))
		return false;
	if (*year < 1000) /* of two or three digits, RFC 5322 4.3 */
		*year += *year < 50 ? 2000 : 1900;
	return true;
}

/* Seconds that local time is before UTC. */
static bool
take_zone(struct slice *rest, long *offset)
{
	int digits, sign;
	size_t len = 0;

	*offset = 0;
	sign = take_char(rest, '-') ? 1 : take_char(rest, '+') ? -1 : 0;
	if (sign != 0) {
		if (!take_number(rest, 4, 4, &digits) || digits % 100 >= 60)
			return false;
		*offset = sign * (digits / 100 * 60L + digits % 100) * 60;
		return true;
	}
	while (len < rest->len && ascii_lower(rest->data[len]) >= 'a' && ascii_lower(rest->data[len]) <= 'z')
		len++;
	for (size_t i = 0; i < COUNT(zones); i++)
		if (slice_eq_str_nocase(slice_sub(*rest, 0, len), zones[i].name))
			*offset = -zones[i].hours * 3600L;
	*rest = slice_sub(*rest, len, rest->len);
	return len > 0;
}

bool
date_parse(struct slice value, time_t *when)
{
	struct slice rest = value;
	struct tm tm = {0};
	int ignored, year;
	long offset;

	if (take_name(&rest, days, COUNT(days), &ignored) && !take_char(&rest, ','))
		return false;
	if (!take_number(&rest, 1, 2, &tm.tm_mday) || !take_name(&rest, months, COUNT(months), &tm.tm_mon) ||
	    !take_year(&rest, &year) || !take_number(&rest, 2, 2, &tm.tm_hour) || !take_char(&rest, ':') ||
	    !take_number(&rest, 2, 2, &tm.tm_min) ||
	    (take_char(&rest, ':') && !take_number(&rest, 2, 2, &tm.tm_sec)) || !take_zone(&rest, &offset))
		return false;
	skip(&rest); /* behind it some readers may find another date */
	if (rest.len > 0 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	tm.tm_year = year - 1900;
	*when = timegm(&tm) + offset;
	return true;
}
