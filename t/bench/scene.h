/* scene: a temporary folder with certificates, keys and configuration, and the
 * two filters that run in it: the daemon and echo-milter.
 *
 *     root (RSA-2048) ── intermediate ──┬─ seal@bench.test      signs
 *                                       ├─ r1…r5@partner.test   are encrypted to
 *                                       ├─ sales@partner.test   signs what comes in
 *                                       ├─ office@bench.test    opens it
 *                                       ├─ qualified            like sales, as eidas-signature wants it
 *                                       └─ hung                 like sales; its OCSP responder says nothing
 */
#ifndef SCENE_H
#define SCENE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <sys/types.h>

#define SCENE_RECIPIENTS 5
#define SCENE_SENDER "seal@bench.test"
#define SCENE_SIGN_ONLY "nobody@plain.test" /* the rules give it a signature only */
#define SCENE_CIPHER "aes256-cbc"
#define SCENE_PARTNER "sales@partner.test"
#define SCENE_QUALIFIED_SERIAL 202
#define SCENE_OFFICE "office@bench.test"

struct scene {
	char folder[64];
	char daemon_socket[128]; /* as mta_connect() takes it */
	char inbound_socket[128]; /* the daemon's for mail from outside */
	char echo_socket[128];
	EVP_PKEY *key, *root_key, *intermediate_key;
	X509 *root, *intermediate, *seal;
	X509 *recipients[SCENE_RECIPIENTS];
	EVP_PKEY *partner_key, *office_key;
	X509 *partner, *office;
	X509 *qualified, *hung;  /* with the partner's key */
	int hung_fd;             /* takes connections to hung_url; -1: none */
	char hung_url[64];       /* as authorityInfoAccess has it */
	pid_t daemon, echo; /* 0: not running */
};

/* Makes folder, keys, certificates and configuration. False: said on standard error. */
bool scene_make(struct scene *s);
/* The address of one recipient, "r1@partner.test" for 0. */
const char *scene_recipient(unsigned i);
/* Starts a program and waits until its socket answers. more: further lines of the
 * configuration; "" for none. */
bool scene_start_daemon(struct scene *s, const char *program, const char *more);
void scene_stop_daemon(struct scene *s);
bool scene_start_echo(struct scene *s, const char *program);
/* Ends what was started, removes the folder, frees. */
void scene_end(struct scene *s);

#endif
