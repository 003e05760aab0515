/* authorise_forms: each form of request in turn, tried on one line. Pure; any thread, each its own struct. */
#ifndef REVOCATION_AUTHORISE_FORMS_H
#define REVOCATION_AUTHORISE_FORMS_H

#include "revocation/authorise.h"
#include "revocation/authorise_reasons.h"

/* One line, and the best that any form has come to so far. */
struct authorise_try {
	const struct authorise_block *block;
	const struct authorise_facts *facts;
	const struct authorise_line *line; /* the first with this number that has a password, or the first */
	bool one_number;                   /* all lines have this number */
	bool one_password;                 /* no two lines have two passwords */
	struct authorise_decision best;    /* its ask is what all forms together want to know */
	enum authorise_reason reason;
};

/* Begins with a refusal, which says only what kind of request it is. */
void authorise_try_begin(struct authorise_try *t);
/* All forms that are open, that which needs least first. */
void authorise_try_forms(struct authorise_try *t);

#endif
