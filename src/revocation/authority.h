/* authority: a revocation block of the configuration, put to use.
 *
 * Its files are read, its issuers numbered, its phrases and organisations made ready for request.h and authorise.h.
 * Threads: any may read; asking LDAP for groups is lookup.h's.
 */
#ifndef REVOCATION_AUTHORITY_H
#define REVOCATION_AUTHORITY_H

#include "config/config.h"
#include "revocation/authorise.h"
#include "revocation/issued.h"
#include "revocation/phrases.h"

struct authority {
	const struct config_revocation *config;
	struct phrases *phrases;
	struct issued *issued;
	struct authorise_block block; /* listings: those of files; what groups list is added by lookup.h */
	void *kept;                   /* in which all of that lies */
};

struct authorities;

/* config is borrowed and outlives it. NO: a file or phrase will not do, named in err after the block's name. CANT_TELL:
 * no memory. */
enum answer authorities_new(const struct config *config, struct authorities **authorities, struct error *err);
void authorities_free(struct authorities *authorities); /* NULL is safe */

/* That of the configuration's block i. */
const struct authority *authorities_get(const struct authorities *authorities, size_t i);
/* Whose address that is, compared as RFC 5321 2.4 has it, or whose name; NULL: nobody's. */
const struct authority *authorities_at(const struct authorities *authorities, struct slice address);
const struct authority *authorities_named(const struct authorities *authorities, const char *name);

/* Of it what listings and senders have (authorise.h); borrowed. */
struct holder authority_organisation(const struct config_organisation *organisation);

/* For the command: the file that holds the certificate with that name, the first of several. NULL: there is none. */
const char *authority_file(const struct authority *authority, size_t issuer);

#endif
