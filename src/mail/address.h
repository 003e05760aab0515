/* address: mail addresses, read strictly and compared as RFC 8550 section 3 asks.
 *
 * Identities are compared, never trimmed or guessed: what does not parse as an
 * addr-spec (RFC 5322 3.4.1, with RFC 6532 UTF-8 and RFC 5321 lengths) is no
 * address. Display names and comments are skipped and never handed out.
 * All functions are pure and safe in every thread.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include "base/slice.h"

#define ADDRESS_LENGTH_MAX 998        /* octets of one address, in a header line */
#define ADDRESS_DOMAIN_MAX 255        /* octets of its domain (RFC 5321 4.5.3.1.2) */
#define ADDRESS_LIST_MAX 10000        /* addresses in one field */

/* Both halves borrow from the text that was parsed. local is as written, with
 * its quotes where it had them. */
struct address {
	struct slice local;
	struct slice domain;
};

/* An envelope address or one in a configuration or certificate: `a@b` or
 * `<a@b>`, nothing else around it. A source route or a missing domain is no
 * address. False: *a is untouched. */
bool address_parse(struct slice text, struct address *a);

/* The whole text of an address ("a@b"), borrowed: what lies between the angle
 * brackets where there are some. Empty for the null sender `<>`. */
struct slice address_strip_brackets(struct slice text);

/* Equal without letter case in the local part (ASCII) and in the domain, whose
 * A-labels and U-labels are the same (RFC 5891, RFC 9598 section 5). */
bool address_equal(const struct address *a, const struct address *b);
/* Convenience: false where one of both does not parse. */
bool address_equal_text(struct slice a, struct slice b);
bool address_domain_equal(struct slice a, struct slice b);
/* The domain in lower-case A-labels (RFC 5891), for who compares one with many: to convert what
 * is not ASCII takes microseconds. What is ASCII is taken as it is. False: it has none. */
bool address_domain_labels(struct slice domain, char labels[ADDRESS_DOMAIN_MAX + 1]);
/* pattern "example.cz": that domain only; ".example.cz": any domain below it. */
bool address_domain_matches(struct slice domain, struct slice pattern);

/* Does the local part hold "%", "!" or "@"? Of old they name another domain, to which some MTAs
 * send it on (RFC 1123 5.2.16, RFC 5321 4.4). */
bool address_may_be_sent_on(const struct address *a);

/* The form under which an address is remembered and looked up: local part in
 * ASCII lower case, quotes that need not be dropped, domain in lower-case
 * A-labels. A text for the caller to free(), NULL when it does not parse or
 * memory is short. */
char *address_key(struct slice text);

/* A list of mailboxes and groups as in From, To, Cc (RFC 5322 3.4), folded
 * lines and nested comments included. The addresses borrow from value. */
struct address_list {
	struct address *item;
	size_t count;
	/* It holds a group (RFC 6854), of which readers show the name and not the address, or a comment
	 * in a comment, which some end too early: others may see other addresses, or none. */
	bool disputed;
};
/* False: the field is malformed, holds an address that is none, or has more than
 * ADDRESS_LIST_MAX; nothing is to be freed then. */
bool address_list_parse(struct slice value, struct address_list *list);
void address_list_free(struct address_list *list);

#endif
