/* crl_files: lists of revoked certificates that somebody put into files and folders.
 *
 * A file is read when it is first asked for and again when it has changed, which is looked at every
 * CRL_CACHE_LOOK_SECONDS; an older list never takes the place of a newer one of the same file. In a
 * folder every file counts whose name does not begin with a dot.
 *
 * The room's own, for crl_cache.c. Threads: all functions but _new and _free may be called from
 * any; while one reads, the others wait.
 */
#ifndef PKI_CRL_FILES_H
#define PKI_CRL_FILES_H

#include "pki/crl_cache.h"

struct crl_files;

/* size_limit: octets of one list. NULL: no memory. */
struct crl_files *crl_files_new(uint64_t size_limit);
void crl_files_free(struct crl_files *files); /* NULL is safe */

/* As crl_cache_files(). imported: a folder that need not be there, or NULL. */
enum answer crl_files_collect(struct crl_files *files, const struct config_strings *paths, const char *imported,
	const struct crl_signers *signers, time_t at, struct crl ***crls, size_t *count, struct error *err);

/* The list in that file; size_limit: its octets. NO, CANT_TELL: as file_read() and crl_parse(). */
enum answer crl_files_parse(const char *path, uint64_t size_limit, const struct crl_signers *signers, struct crl **crl,
	struct error *err);

#endif
