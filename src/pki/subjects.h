/* subjects: certificates whose status was asked for, read once.
 *
 * Reading a certificate costs more than looking up what is known of it, and most paths end in the same
 * few. Threads: all functions but _new and _free may be called from any.
 */
#ifndef PKI_SUBJECTS_H
#define PKI_SUBJECTS_H

#include "pki/points.h"

#define SUBJECTS_MAX 512 /* that are kept; one takes over the place of another */

/* Never changed once made. */
struct subject {
	struct cert *cert;
	struct points points;
};

struct subjects;

struct subjects *subjects_new(void); /* NULL: no memory */
void subjects_free(struct subjects *subjects); /* NULL is safe */

/* *subject is a reference for the caller. NO: as cert_from_x509(). CANT_TELL: no memory. */
enum answer subjects_get(struct subjects *subjects, X509 *x509, struct subject **subject, struct error *err);
void subject_unref(struct subject *subject); /* NULL is safe */

/* Those of a whole path, first to last. *all is the caller's. */
enum answer subjects_get_path(struct subjects *subjects, const STACK_OF(X509) *path, struct subject ***all,
	size_t *count, struct error *err);
void subjects_release(struct subject **all, size_t count);

#endif
