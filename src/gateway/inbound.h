/* inbound: what is found out and decided about one message that came in.
 *
 * gateway asks for it where a message is inbound (sealmilter.conf(5)): it is opened,
 * judged, and the edit is written that hands it on with what is said about it.
 * Threads: any, each its own struct.
 */
#ifndef GATEWAY_INBOUND_H
#define GATEWAY_INBOUND_H

#include "gateway/edit.h"
#include "gateway/layers.h"
#include "gateway/state.h"

/* What becomes of the content. */
enum inbound_content {
	INBOUND_UNCHANGED, /* as it came: nothing to open, or it stays closed */
	INBOUND_OPENED,    /* what was in the innermost layer that was opened */
	INBOUND_CLEAR,     /* an opaque signature made into multipart/signed */
	INBOUND_STRIPPED,  /* signatures taken off */
};

struct inbound {
	const struct message *message;
	struct slice from;            /* the one From address; empty: there is not exactly one */
	struct slice sender;          /* the same of Sender */
	struct buf from_text, sender_text;
	struct mime *mime;
	struct layers layers;
	struct verdict_layer *facts;  /* layers.count of them */
	struct verdict_signer *signers; /* of all layers, one after the other: the facts' */
	struct verdict verdict;
	/* An envelope that can be altered unnoticed is at fault: then the header, which bounces, receipts and
	 * delivery notices return to the sender, says one and the same of it whatever came of it. */
	bool veiled;
	struct verdict shown;         /* in the header: verdict; veiled: of what is outside, the envelope taken as opened */
	size_t told;                  /* layers, from outside, that the header may speak of */
	enum config_fault action;
	struct error reason;          /* NO: why it is refused, held, or only marked. CANT_TELL: it is deferred */
	enum inbound_content content;
	struct error kept_closed;     /* why content is UNCHANGED or OPENED less far than asked; YES: it is not so */
};

/* Is mail from this client to these recipients inbound? */
bool inbound_is(const struct gateway *g, const struct gateway_entry *entry, const struct message *m);

/* Of exactly one field of that name with exactly one address, for every reader; else nothing. It is in text, which is
 * initialised here and the caller's to free. */
struct slice inbound_only_address(const struct message *m, const char *name, struct buf *text);

void inbound_init(const struct message *m, struct inbound *in);
void inbound_free(struct inbound *in);

/* Gathers and decides; in's layers, verdict, action and reason stand then. NO: the message
 * is past a limit. CANT_TELL: a key or memory cannot be had now. */
enum answer inbound_gather(struct gateway *g, const struct gateway_entry *entry, time_t now,
	struct inbound *in, struct error *err);
/* Fills the edit: fields that were forged go, ours come, the content is handed on, or the
 * message is refused or held; in's content and kept_closed stand then. CANT_TELL: a directory,
 * no memory, or what is handed on is past e's limit. */
enum answer inbound_carry_out(const struct gateway *g, struct inbound *in, struct edit *e, struct error *err);

#endif
