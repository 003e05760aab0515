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
	struct verdict verdict;
	enum config_fault action;     /* refuse and hold: reason says why */
	struct error reason;
	enum inbound_content content;
	struct error kept_closed;     /* why content is UNCHANGED or OPENED less far than asked; YES: it is not so */
};

/* entry's and the client's part of it: is mail from this client to these recipients
 * inbound, and may it be opened? */
bool inbound_is(const struct gateway *g, const struct gateway_entry *entry, const struct message *m);

/* Gathers and decides; in->action, verdict and layers stand then. NO: never. CANT_TELL: keeper, directory or
 * memory: 451. In each case in is to be freed. */
enum answer inbound_gather(struct gateway *g, const struct message *m, time_t now, struct inbound *in,
	struct error *err);
/* Fills the edit: fields that were forged go, ours come, the content is handed on, or the
 * message is refused or held. CANT_TELL: no memory. */
enum answer inbound_carry_out(const struct gateway *g, struct inbound *in, struct edit *e, struct error *err);
void inbound_free(struct inbound *in);

#endif
