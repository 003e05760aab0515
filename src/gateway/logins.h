/* logins: which SASL login may send from which address (sender-login-file).
 *
 *     # login: addresses, or a whole domain behind @
 *     jana: jana@trh.example, seal@trh.example
 *     erp:  @trh.example
 *
 * Logins are compared octet for octet, as the MTA's authentication does.
 * Threads: only read once loaded.
 */
#ifndef GATEWAY_LOGINS_H
#define GATEWAY_LOGINS_H

#include "base/error.h"
#include "base/slice.h"

#define LOGINS_FILE_MAX (16 * 1024 * 1024) /* octets */

struct logins;

/* NO: the file cannot be read, or a line is not as above; err names the line. */
enum answer logins_load(const char *path, struct logins **logins, struct error *err);
void logins_free(struct logins *logins); /* NULL is safe */

bool logins_allow(const struct logins *logins, struct slice login, struct slice address);

#endif
