/* CMS and messages that hold it, or say so. Promises: what is taken for CMS lies within what was
 * given and is taken for the same without its content where it may be detached; an envelope has
 * recipients and content; what is recognised makes no false claim.
 */
#include "fuzz.h"
#include "smime/recognise.h"
#include "smime/structure.h"

#include <stdlib.h>

#define BODY_LIMIT (16 * 1024 * 1024)

static bool
lies_in(struct slice inner, struct slice outer)
{
	return inner.len == 0 || (inner.data >= outer.data && inner.data + inner.len <= outer.data + outer.len);
}

static void
check_structure(struct slice octets)
{
	struct structure s, again;
	struct buf detached;

	if (!structure_parse(octets, &s))
		return;
	promise(lies_in(s.type, octets) && lies_in(s.head, octets) && lies_in(s.content_type, octets) &&
		lies_in(s.tail, octets) && lies_in(s.signer_infos, octets));
	promise(!s.has_content || lies_in(s.content.whole, octets));
	promise(s.kind == STRUCTURE_SIGNED || (s.has_content && s.recipient_infos > 0));
	buf_init(&detached, octets.len + 100);
	structure_add_detached(&s, &detached);
	promise(!buf_failed(&detached));
	if (s.kind == STRUCTURE_SIGNED)
		promise(structure_parse(buf_slice(&detached), &again) && !again.has_content);
	buf_free(&detached);
}

static void
check_message(struct slice file)
{
	static const struct mime_limits limits = {50, 1000};
	struct message *m = message_new(BODY_LIMIT);
	struct recognised r;
	struct mime *tree;

	if (m != NULL && message_read(file, m, NULL) == ANSWER_YES &&
	    mime_parse(m, &limits, &tree, NULL) == ANSWER_YES) {
		recognise_message(m, tree, &r);
		promise(r.protection == PROTECTION_NONE || r.claimed == NULL);
		promise((r.protection == PROTECTION_ENVELOPED) == (r.recipient_infos > 0));
		mime_free(tree);
	}
	message_free(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_structure(slice_of(data, size));
	check_message(slice_of(data, size));
	return 0;
}
