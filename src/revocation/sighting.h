/* sighting: one certificate of an inventory, as whoever keeps it has it, on its way into ours.
 *
 * For lookup.h's files alone. Threads: any, each its own inventory.
 */
#ifndef REVOCATION_SIGHTING_H
#define REVOCATION_SIGHTING_H

#include "revocation/inventory.h"
#include "revocation/lookup.h"

/* All of it is borrowed. */
struct sighting {
	const char *where;           /* for the log: the name of the entry */
	size_t issuer;               /* the authority's */
	const struct cert *cert;     /* NULL: it is not there */
	const struct holder *holder; /* where there is no cert; NULL: nothing is known */
	struct slice password;       /* hash in text; empty: none */
	const struct slice *contacts;
	size_t contact_count;
};

/* A password's hash, an address or a holder that cannot be used is left out and logged; the certificate stays, so that
 * one of two with a number never looks like the only one. CANT_TELL: "inventory": it is there already, and nobody can say
 * which facts are right; "memory". */
enum answer sighting_add(const struct lookup *lookup, const struct holder_serial *serial, const struct sighting *sighting,
	struct inventory *inventory, struct error *err);

/* That something in an entry will not do. */
void sighting_complain(const struct lookup *lookup, const char *where, const char *words);
/* It cannot be told which certificate it is about: logged, and CANT_TELL "inventory", which does not name it. */
enum answer sighting_unclear(const struct lookup *lookup, const char *where, const char *words, struct error *err);

#endif
