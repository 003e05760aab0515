/* inventory: the certificates of one authority that may be asked to be revoked, as plain facts.
 *
 * A back end (LDAP, the store) hands in what it has: all of it, or what it found for one serial
 * number. An authority issues from several certificates of its own, a new one each year perhaps, and a serial
 * number is unique with each of their names only: so issuers have numbers here, those of issued.h, and a look-up
 * gives every certificate with that serial number, whoever of them issued it.
 * Threads: any may look up; adding is one thread's, before.
 */
#ifndef REVOCATION_INVENTORY_H
#define REVOCATION_INVENTORY_H

#include "revocation/holder.h"
#include "revocation/issued.h"
#include "revocation/password.h"

#define INVENTORY_ISSUERS_MAX ISSUED_NAMES_MAX
#define INVENTORY_ENTRIES_MAX 2000000
#define INVENTORY_ADDRESSES_MAX 16 /* of one certificate */

struct inventory_entry {
	size_t issuer;
	struct holder_serial serial;
	struct holder holder;
	char **addresses;      /* where its holder is told what became of a request; they parse */
	size_t address_count;
	bool has_password;
	struct password_hash password;
};

/* What a back end hands in; all of it is borrowed. */
struct inventory_facts {
	size_t issuer;
	struct slice serial;         /* as holder_serial_of() takes it */
	const struct holder *holder; /* NULL: nothing is known of it */
	const struct slice *addresses;
	size_t address_count;
	struct slice password;       /* the text form of password.h; empty: none */
};

struct inventory;

/* issuers: up to INVENTORY_ISSUERS_MAX; ln_max: as password_parse() takes it. NULL: no memory. */
struct inventory *inventory_new(size_t issuers, unsigned ln_max);
void inventory_free(struct inventory *inventory); /* NULL is safe */

/* NO: "issuer", "serial", "address", "password-hash", "password-cost", "limit": what is wrong with the facts;
 * "duplicate": there is such a certificate already, and nobody can say which facts are right. Nothing
 * was added then. CANT_TELL: no memory. */
enum answer inventory_add(struct inventory *inventory, const struct inventory_facts *facts, struct error *err);
size_t inventory_count(const struct inventory *inventory);

/* found has room for INVENTORY_ISSUERS_MAX; returns how many there are, in the order of their issuers. They live
 * as long as the inventory. */
size_t inventory_find(const struct inventory *inventory, const struct holder_serial *serial,
	const struct inventory_entry **found);

#endif
