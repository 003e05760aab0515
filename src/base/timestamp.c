#include "base/timestamp.h"

#include <string.h>

static const char format[] = "%Y-%m-%dT%H:%M:%SZ";

void
timestamp_write(time_t when, char text[TIMESTAMP_LEN + 1])
{
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900 ||
	    strftime(text, TIMESTAMP_LEN + 1, format, &tm) != TIMESTAMP_LEN)
		text[0] = '\0';
}

bool
timestamp_parse(struct slice text, time_t *when)
{
	struct tm tm = {0};
	char copy[TIMESTAMP_LEN + 1], again[TIMESTAMP_LEN + 1];

	if (text.len != TIMESTAMP_LEN)
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	if (strptime(copy, format, &tm) == NULL)
		return false;
	/* The 30th of February becomes another day, which shows. */
	*when = timegm(&tm);
	timestamp_write(*when, again);
	return strcmp(copy, again) == 0;
}
