/* path_certs: the certificates of paths and where their status can be had, read once.
 *
 * Reading a certificate costs more than looking up what is known of it, and most paths end in the same
 * few. Threads: all functions but _new and _free may be called from any.
 */
#ifndef PKI_PATH_CERTS_H
#define PKI_PATH_CERTS_H

#include "pki/status_urls.h"

#define PATH_CERTS_MAX 512 /* that are kept; one takes over the place of another */

/* Never changed once made. */
struct path_cert {
	struct cert *cert;
	struct status_urls urls;
};

struct path_certs;

struct path_certs *path_certs_new(void); /* NULL: no memory */
void path_certs_free(struct path_certs *certs); /* NULL is safe */

/* *one is a reference for the caller. NO: as cert_from_x509(). CANT_TELL: no memory. */
enum answer path_certs_get(struct path_certs *certs, X509 *x509, struct path_cert **one, struct error *err);
void path_cert_unref(struct path_cert *one); /* NULL is safe */

/* Those of a whole path, first to last. *all is the caller's. */
enum answer path_certs_get_path(struct path_certs *certs, const STACK_OF(X509) *path, struct path_cert ***all,
	size_t *count, struct error *err);
void path_certs_release(struct path_cert **all, size_t count);

#endif
