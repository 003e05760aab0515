/* gateway: the coordinator, from a message to an edit.
 *
 * A gateway is one configuration put to work: the certificates and keys that sign and
 * decrypt, trust anchors, directories, trace key. Reloading makes a new one; each
 * message holds a reference to the one it began with. It gathers the facts (the
 * only place where something outside is asked), lets policy decide, has smime
 * carry the plan out, and logs the one line that says what happened and why.
 *
 * Threads: a gateway may serve any number of messages at once.
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "config/config.h"
#include "directory/directory.h"
#include "gateway/edit.h"
#include "gateway/made.h"
#include "keys/key.h"

struct gateway;

/* Where the certificate and key of a signer or decryption key come from: the keeper in
 * the daemon, the key file in sealctl. */
typedef enum answer gateway_identity_source(void *arg, const struct config_signer *files, enum key_use use,
	struct key_identity **identity, struct error *err);

/* Takes a reference of its own to config; made is borrowed and may be NULL. NO: something that the
 * configuration names cannot be used, named in err. CANT_TELL: the keeper is away. */
enum answer gateway_new(struct config *config, gateway_identity_source *source, void *arg, struct made *made,
	struct gateway **gateway, struct error *err);
/* For a process that takes no mail: without trace key and logins, which may be for gate's user alone to read. */
enum answer gateway_new_for_worker(struct config *config, gateway_identity_source *source, void *arg,
	struct gateway **gateway, struct error *err);
struct gateway *gateway_ref(struct gateway *g);
void gateway_unref(struct gateway *g); /* NULL is safe */
const struct config *gateway_config(const struct gateway *g);

/* How the message reached us. */
struct gateway_entry {
	enum config_direction direction; /* of the listener */
	enum config_role role;
	const char *listener;            /* its name, for the log */
	/* Asked before a message becomes larger than it came, for so many octets more, which
	 * are given back with the message. False: not now. NULL: anything is granted. */
	bool (*claim)(void *claim_arg, size_t octets);
	void *claim_arg;
	bool redirects;                  /* the MTA can exchange recipients, as edit_redirect() asks for */
};

/* Asked at RCPT, before the MTA accepts that recipient: m holds client, sender and the
 * recipients accepted so far. True: accept. False: *reply is the answer for this
 * recipient alone. Decides only what the envelope decides. */
bool gateway_recipient(struct gateway *g, const struct gateway_entry *entry, const struct message *m,
	struct slice recipient, time_t now, struct edit_reply *reply);

/* May there be a secret in a message to these recipients? Who has it in memory then wipes each copy. */
bool gateway_holds_secret(const struct gateway *g, const struct gateway_entry *entry, const struct message *m);

/* Asked at the end of the message. Always gives an answer: what cannot be done
 * now is 451. e is initialised by the callee and freed by the caller. */
void gateway_message(struct gateway *g, const struct gateway_entry *entry, const struct message *m,
	time_t now, struct edit *e);

/* An inbound message opened as gateway_message() opens it, but never refused or held for
 * what is found: for a message that was held back before. */
struct gateway_opened {
	const char *result;   /* RFC 8601: "pass", "fail" ...; static text */
	struct error reason;  /* why it is not pass; YES: no more is to be said */
	struct error closed;  /* of an encrypted message: why it, or an inner layer, stays closed; YES: nothing does */
	bool changed;         /* the content is what was opened; false: it is as it came */
};
void gateway_open(struct gateway *g, const struct gateway_entry *entry, const struct message *m,
	time_t now, struct edit *e, struct gateway_opened *opened);

/* The same look at the message, for people and programs: facts, the rules that matched, the plan,
 * and what there is of S/MIME in an inbound one. Nothing is handed on. */
void gateway_explain(struct gateway *g, const struct gateway_entry *entry, const struct message *m,
	time_t now, bool json, struct buf *out);

/* Logs a warning for every signer's certificate that ends within
 * expiry-warning days or is out of date. Called at start and daily. */
void gateway_warn_expiry(const struct gateway *g, time_t now);

/* From now on lists of revoked certificates are kept fresh by a thread of its own. Once. */
enum answer gateway_start(struct gateway *g, struct error *err);

/* Looks whether the signers' certificates have been revoked, where it is time to, in a thread of its own that holds a
 * reference, as it waits for servers up to status-timeout for each; where there is no thread to be had, the next call
 * tries again. What is sealed with one that is revoked, or with seal-revocation = require not known to be good, is
 * answered with 451. tell: it is logged. From one thread. */
void gateway_check_seals(struct gateway *g, bool tell);

struct directories *gateway_directories(struct gateway *g); /* borrowed; never NULL */

/* Appends a message of our own, in file form, sealed in clear by that signer to out. NO: "no-signer"; it is no message, or
 * passes a limit. CANT_TELL: the keeper is away; the seal's certificate is revoked, or out of date; memory. */
enum answer gateway_seal(struct gateway *g, const char *signer, struct slice file, time_t now, struct buf *out,
	struct error *err);

struct authorities;
struct intake;
/* Borrowed; where requests for revocation are taken. */
const struct authorities *gateway_authorities(const struct gateway *g);
/* Requests are written there, which outlives g. Once, before the first message. */
void gateway_take_requests(struct gateway *g, struct intake *intake);

#endif
