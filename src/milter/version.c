#include "milter/version.h"

#define PATCH_GOOD 22 /* of 3.0 */

/* OpenSSL_version_num(3): 0xMNN00PP0. */
enum answer
version_judge(unsigned long number, struct error *err)
{
	unsigned major = (unsigned)(number >> 28), minor = (number >> 20) & 0xff, patch = (number >> 4) & 0xff;

	if (major == 3 && minor == 0 && patch >= PATCH_GOOD)
		return ANSWER_YES;
	if (major < 3 || (major == 3 && minor == 0))
		return error_no(err, "old-openssl", "OpenSSL %u.%u.%u has memory errors in its CMS code that a mail can "
			"reach; install 3.0.%d or later, or set allow-old-openssl = yes", major, minor, patch, PATCH_GOOD);
	return error_cant_tell(err, "unknown-openssl", "OpenSSL %u.%u.%u is not of the series 3.0: see for yourself "
		"whether it has the CMS corrections of 3.0.%d", major, minor, patch, PATCH_GOOD);
}
