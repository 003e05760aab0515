/* password: the password that a certificate is revoked with, kept as salted scrypt (RFC 7914).
 *
 * A hash is written as "$scrypt$ln=15,r=8,p=1$salt$hash" (the PHC string format: ln is the binary
 * logarithm of scrypt's N; base64 without padding). r and p are always those; only ln differs, from
 * PASSWORD_LN_MIN to PASSWORD_LN_MAX. One run takes 2^ln KiB of memory.
 *
 * What a check costs depends on nothing but the struct password_work: whether there is a hash,
 * how many up to the work's count, with which ln, and whether one matches. So neither the answer nor
 * the time tells whether a serial number is known. Threads: any, but for _new and _free.
 */
#ifndef REVOCATION_PASSWORD_H
#define REVOCATION_PASSWORD_H

#include "base/error.h"
#include "base/slice.h"

#include <stdint.h>
#include <time.h>

#define PASSWORD_MIN 4           /* characters of 0-9 A-Z a-z (I.CA CP 4.1.2) */
#define PASSWORD_MAX 32
#define PASSWORD_LN_MIN 10
#define PASSWORD_LN_MAX 20       /* 1 GiB */
#define PASSWORD_LN 15           /* unless somebody wants another one */
#define PASSWORD_SALT 16         /* octets that are made */
#define PASSWORD_SALT_MIN 8      /* that are read */
#define PASSWORD_SALT_MAX 32
#define PASSWORD_HASH 32         /* octets */
#define PASSWORD_TEXT_MAX 127    /* octets of the text form */
#define PASSWORD_ROUNDS_MAX 64   /* hashes in one check */
#define PASSWORD_WAITING_MAX 16  /* checks that wait for others to end, in one process */

struct password_hash {
	unsigned ln;
	size_t salt_len;
	unsigned char salt[PASSWORD_SALT_MAX];
	unsigned char hash[PASSWORD_HASH];
};

/* Has it the characters and the length that the policy permits? */
bool password_is_valid(struct slice password);

/* Exactly as it is written above. NO: "password-hash": it is none; "password-cost": one check would cost more
 * than ln_max permits. */
enum answer password_parse(struct slice text, unsigned ln_max, struct password_hash *hash, struct error *err);
void password_write(const struct password_hash *hash, char text[PASSWORD_TEXT_MAX + 1]);

/* The hash to be kept, with a salt of random octets. NO: "password": it is not valid. CANT_TELL: "memory". */
enum answer password_make(struct slice password, unsigned ln, const unsigned char salt[PASSWORD_SALT],
	struct password_hash *hash, struct error *err);

struct password_work;

/* parallel: how many checks may compute at once; ln: the highest that any hash has; rounds: how many
 * hashes a serial number can have at the most, which is as many as there are issuers; up to
 * PASSWORD_ROUNDS_MAX. NULL: no memory. */
struct password_work *password_work_new(unsigned parallel, unsigned ln, size_t rounds);
void password_work_free(struct password_work *work); /* NULL is safe; nobody may be using it */

/* Sets matches[i] to whether hashes[i] is this password's; count may be 0. All are looked at, in constant
 * time. NO: "password": it is not valid, which nothing but itself says; "limit": more hashes than the work's
 * rounds, or one with a higher ln. CANT_TELL: "password-busy": so many others are at it that deadline
 * (CLOCK_MONOTONIC) would pass; "memory". matches is all false unless YES. */
enum answer password_check(struct password_work *work, struct slice password, const struct password_hash *hashes,
	size_t count, const struct timespec *deadline, bool *matches, struct error *err);

struct password_usage {
	uint64_t cost;     /* 2^ln of each scrypt that was ever begun, added up */
	unsigned running;  /* checks that compute now */
	unsigned waiting;
	unsigned most;     /* that ever computed at once */
};

void password_work_usage(struct password_work *work, struct password_usage *usage);

/* Overwrites a secret so that no compiler leaves it out. */
void password_wipe(void *octets, size_t len);

#endif
