/* key_fixture: keys, certificates and their files in a folder of the test's own,
 * and a keeper in a process of its own. Everything fails the test by itself. */
#ifndef KEY_FIXTURE_H
#define KEY_FIXTURE_H

#include "config/config.h"
#include "keys/key.h"

#include <sys/types.h>

/* Made at the first call, with everything in it removed when the process that made it ends. */
const char *fixture_dir(void);
/* A path in it; one of eight buffers in turn. */
const char *fixture_path(const char *name);

EVP_PKEY *fixture_rsa(unsigned bits);
EVP_PKEY *fixture_ec(const char *curve);
/* Issued by issuer, NULL: by itself. keyUsage is left out: the key may do everything. */
X509 *fixture_certificate(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key);

void fixture_write(const char *name, const void *data, size_t len, mode_t mode);
/* pass NULL: in clear. traditional: not PKCS#8. Mode 0600. */
void fixture_write_key(const char *name, EVP_PKEY *key, const char *pass, bool traditional);
/* In this order, up to the first NULL. */
void fixture_write_certificates(const char *name, X509 *first, X509 *second, X509 *third);
void fixture_write_p12(const char *name, EVP_PKEY *key, X509 *certificate, X509 *issuer, const char *pass);

/* NAME.key and NAME.crt, and a line for them in the list that keeper reads. */
void fixture_signer(const char *name, EVP_PKEY *key, X509 *certificate);
/* The same for a decryption key: +NAME.key and +NAME.crt. */
void fixture_decryption_key(const char *name, EVP_PKEY *key, X509 *certificate);
/* The list's lines: "name key certificate chain pass", "-" for none, "+name" for a
 * decryption key; "broken": it does not parse. */
void fixture_signers(const char *lines);

struct fixture_keeper {
	pid_t pid;
	int listen_fd;
	int control_fd; /* the supervisor's end */
};

/* Listens on fixture_path("k"), starts it, waits until it is up. */
struct fixture_keeper fixture_keeper_start(void);
/* Another process on the same listening socket, as the supervisor would start it. */
void fixture_keeper_restart(struct fixture_keeper *keeper);
void fixture_keeper_kill(struct fixture_keeper *keeper); /* -9, and waits for it */
/* The exit status. */
int fixture_keeper_stop(struct fixture_keeper *keeper);
/* 'K' or 'E'. */
int fixture_keeper_reload(struct fixture_keeper *keeper);
/* Waits for one control message. */
int fixture_control_wait(int fd);

/* Only these users may ask keepers that are started from now on. */
void fixture_client_uid(uid_t uid);
/* Keepers that are started from now on run as this user. */
void fixture_keeper_uid(uid_t uid);
#define FIXTURE_STOP_TIMEOUT 2 /* s */

#endif
