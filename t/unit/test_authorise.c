/* Who may ask for what: a row for each sentence of the rules, and its near misses. */
#include "unit.h"

#include "revocation/authorise.h"

#include <stdio.h>
#include <string.h>

#define NOW ((time_t)1800000000)
#define HOUR 3600L

/* ---- certificates and people -------------------------------------------------- */

#define CP "1.3.6.1.4.1.23624.10.1.30.1.1"
#define OTHER_CP "1.3.6.1.4.1.23624.10.1.36.1.1"
#define ETSI "0.4.0.194112.1.0"

enum { CA_2024, CA_2025, CA_2026, ISSUERS };

static const struct slice issuers[ISSUERS] = {
	{(const unsigned char *)"\x30\x01\x24", 3}, {(const unsigned char *)"\x30\x01\x25", 3},
	{(const unsigned char *)"\x30\x01\x26", 3},
};

#define SUBJECT(letter) .subject = {(const unsigned char *)(letter), 1}
#define POLICY(oid) .policies = {oid}, .policy_count = 1
#define ORG_A .organization_identifier = "NTRCZ-26463318", .organization = "Alfa a.s.", .country = "CZ"
#define NAME_A .organization = "Alfa a.s.", .country = "CZ"
#define ORG_B .organization_identifier = "NTRCZ-00000001", .organization = "Beta a.s.", .country = "CZ"

static const struct holder
	jan = {SUBJECT("J"), POLICY(CP), ORG_A},
	jan_etsi = {SUBJECT("J"), .policies = {ETSI, CP}, .policy_count = 2, ORG_A},
	jan_etsi_turned = {SUBJECT("J"), .policies = {CP, ETSI}, .policy_count = 2, ORG_A},
	jan_other_policy = {SUBJECT("J"), POLICY(OTHER_CP), ORG_A},
	jan_no_policy = {SUBJECT("J"), ORG_A},
	no_subject = {POLICY(CP)},
	eva = {SUBJECT("E"), POLICY(CP), ORG_A},
	ota = {SUBJECT("O"), POLICY(CP), ORG_B},
	iva_name = {SUBJECT("I"), POLICY(CP), NAME_A},
	ida_abroad = {SUBJECT("D"), POLICY(CP), .organization = "Alfa a.s.", .country = "SK"},
	ivo_other_name = {SUBJECT("V"), POLICY(CP), .organization = "Alfa, a.s.", .country = "CZ"},
	no_country = {SUBJECT("N"), POLICY(CP), .organization = "Alfa a.s."},
	lower = {SUBJECT("L"), POLICY(CP), .organization_identifier = "ntrcz-26463318", .organization = "Alfa a.s.",
		.country = "CZ"},
	longer = {SUBJECT("M"), POLICY(CP), .organization_identifier = "NTRCZ-264633180"},
	twice = {SUBJECT("T"), POLICY(CP), ORG_A, .disputed = true},
	nobodys = {SUBJECT("X"), POLICY(CP)},
	empty_identifier = {SUBJECT("Y"), POLICY(CP), .organization_identifier = ""};

/* What is in the inventory. Unless it is a twin, a serial number is there once. */
enum { JAN = 0x10, EVA, JAN_OLD, JAN_ETSI, JAN_OTHER, JAN_BARE, OTA, NAME, ABROAD, OTHER_NAME, NO_COUNTRY, LOWER, LONGER,
	TWICE, NOBODYS, NO_SUBJECT, EMPTY, UNKNOWN_NUMBER = 0x7f };

enum { NO_TWIN, OTA_TWIN, JAN_TWIN, EVA_TWIN }; /* which other certificate has JAN's number too */

static const struct target {
	int twin; /* that is there only with it */
	size_t issuer;
	unsigned char serial;
	const struct holder *holder;
	const char *password;
} targets[] = {
	{OTA_TWIN, CA_2024, JAN, &ota, "twinstajne"},
	{JAN_TWIN, CA_2024, JAN, &jan, "tajne10"},
	{EVA_TWIN, CA_2024, JAN, &eva, NULL},
	{NO_TWIN, CA_2025, JAN, &jan, "tajne10"},
	{NO_TWIN, CA_2025, EVA, &eva, "tajne11"},
	{NO_TWIN, CA_2024, JAN_OLD, &jan, NULL},
	{NO_TWIN, CA_2024, JAN_ETSI, &jan_etsi, NULL},
	{NO_TWIN, CA_2024, JAN_OTHER, &jan_other_policy, NULL},
	{NO_TWIN, CA_2024, JAN_BARE, &jan_no_policy, NULL},
	{NO_TWIN, CA_2025, OTA, &ota, "tajneota"},
	{NO_TWIN, CA_2025, NAME, &iva_name, NULL},
	{NO_TWIN, CA_2025, ABROAD, &ida_abroad, NULL},
	{NO_TWIN, CA_2025, OTHER_NAME, &ivo_other_name, NULL},
	{NO_TWIN, CA_2025, NO_COUNTRY, &no_country, NULL},
	{NO_TWIN, CA_2025, LOWER, &lower, NULL},
	{NO_TWIN, CA_2025, LONGER, &longer, NULL},
	{NO_TWIN, CA_2025, TWICE, &twice, NULL},
	{NO_TWIN, CA_2025, NOBODYS, &nobodys, NULL},
	{NO_TWIN, CA_2025, NO_SUBJECT, &no_subject, NULL},
	{NO_TWIN, CA_2025, EMPTY, &empty_identifier, NULL},
};

#define TARGETS (sizeof targets / sizeof targets[0])

/* Signers, each with the certificate that it signs with. */
enum who { NO_ONE, HOLDER, TWIN, RENEWED, RENEWED_ETSI, RENEWED_OTHER, RENEWED_BARE, NAMELESS, COLLEAGUE, SIBLING,
	NUMBERED_ALIKE, PAST_THE_LAST, STRANGER, CLERK, CLERK_BY_NAME, CLERK_NAME_ONLY, CLERK_ELSEWHERE, CLERK_OF_TWO,
	CLERK_WITHOUT_COUNTRY, CLERK_EMPTY, CLERK_IN_GROUP, CLERK_ALSO_IN_GROUP };

static const struct person {
	size_t issuer;
	unsigned char serial;
	const struct holder *holder;
} people[] = {
	[HOLDER] = {CA_2025, JAN, &jan},
	[TWIN] = {CA_2024, JAN, &ota},
	[RENEWED] = {CA_2026, 0x50, &jan},
	[RENEWED_ETSI] = {CA_2026, 0x51, &jan_etsi_turned},
	[RENEWED_OTHER] = {CA_2026, 0x52, &jan_other_policy},
	[RENEWED_BARE] = {CA_2026, 0x53, &jan_no_policy},
	[NAMELESS] = {CA_2026, 0x54, &no_subject},
	[COLLEAGUE] = {CA_2025, 0x55, &eva},
	[SIBLING] = {CA_2025, 0x56, &jan},
	[NUMBERED_ALIKE] = {CA_2024, JAN, &jan},
	[PAST_THE_LAST] = {ISSUERS, JAN, &jan},
	[STRANGER] = {AUTHORISE_NONE, 0, &jan},
	[CLERK] = {CA_2026, 0x60, &ota}, /* a lawyer: listed for A, not of it */
	[CLERK_BY_NAME] = {CA_2026, 0x61, &nobodys},
	[CLERK_NAME_ONLY] = {CA_2026, 0x62, &nobodys},
	[CLERK_ELSEWHERE] = {AUTHORISE_NONE, 0, &nobodys},
	[CLERK_OF_TWO] = {CA_2026, 0x63, &nobodys},
	[CLERK_WITHOUT_COUNTRY] = {CA_2026, 0x64, &nobodys},
	[CLERK_EMPTY] = {CA_2026, 0x65, &nobodys},
	[CLERK_IN_GROUP] = {CA_2026, 0x66, &nobodys},
	[CLERK_ALSO_IN_GROUP] = {CA_2026, 0x67, &nobodys},
};

#define DIGEST(who) .digest = {who}

/* Those from FILED on are known only where groups are. */
static const struct authorise_listing listings[] = {
	{DIGEST(CLERK), .organisation = {ORG_A}, .by_name = true},
	{DIGEST(CLERK_BY_NAME), .organisation = {NAME_A}, .by_name = true},
	{DIGEST(CLERK_NAME_ONLY), .organisation = {NAME_A}},
	{DIGEST(CLERK_ELSEWHERE), .organisation = {ORG_A}},
	{DIGEST(CLERK_OF_TWO), .organisation = {ORG_B}},
	{DIGEST(CLERK_OF_TWO), .organisation = {ORG_A}},
	{DIGEST(CLERK_WITHOUT_COUNTRY), .organisation = {.organization = "Alfa a.s."}, .by_name = true},
	{DIGEST(CLERK_EMPTY), .organisation = {.organization_identifier = ""}, .by_name = true},
	{DIGEST(CLERK_ALSO_IN_GROUP), .organisation = {ORG_B}},
	{DIGEST(CLERK_IN_GROUP), .organisation = {ORG_A}},
	{DIGEST(CLERK_ALSO_IN_GROUP), .organisation = {ORG_A}},
};

#define LISTINGS (sizeof listings / sizeof listings[0])
#define FILED (LISTINGS - 2)

#define OFFICE "urad@alfa.example"

static const struct authorise_sender senders[] = {
	{{(const unsigned char *)"urad@beta.example", 17}, {ORG_B}, false},
	{{(const unsigned char *)OFFICE, sizeof OFFICE - 1}, {ORG_A}, false},
};

/* ---- rows --------------------------------------------------------------------- */

/* What is so of a signature, else: it covers the text, is intact and an hour old; the certificate is valid,
 * its status good. */
enum {
	OUTSIDE = 1, BROKEN = 2, WEAK = 4, NO_USAGE = 8, TIMELESS = 16, IS_OLD = 32, BARELY_OLD = 64, NOT_QUITE_OLD = 128,
	FUTURE = 256, JUST_NOW = 512, UNTRUSTED = 1024, CHAIN_UNKNOWN = 2048, REVOKED = 4096, STATUS_UNKNOWN = 8192,
	UNASKED = 16384, UNREADABLE = 32768, BARELY_FUTURE = 65536, CHAIN_ONLY = 131072, STATUS_ONLY = 262144,
};

/* What is so of the mail. */
enum {
	AWAY = 1,          /* the inventory is */
	INVENTORY_UNASKED = 2,
	PASSWORD_UNASKED = 4,
	LATER = 8,
	NO_SENDERS = 16,   /* nobody may send what is not signed */
	DKIM = 32,         /* dkim=pass header.d=alfa.example */
	DKIM_CASE = 64,    /* ... in capitals */
	DKIM_BELOW = 128,  /* ... of mail.alfa.example */
	DKIM_ABOVE = 256,  /* ... of example */
	DKIM_OTHERS = 512, /* ... of a mailing list and of alfa.example */
	FROM_OFFICE = 1024,
	FROM_CASE = 2048,  /* Urad@ALFA.example */
	FROM_OTHER = 4096, /* somebody else at alfa.example */
	SEALED = 8192,     /* there is a signature that cannot be read */
	GROUPS_UNASKED = 16384,
	GROUPS_HERE = 32768,
	GROUPS_AWAY = 65536,
};

#define ICA (AUTHORISE_SIGNED | AUTHORISE_PASSWORD | AUTHORISE_AUTHORISED)
#define CESNET (AUTHORISE_SIGNED | AUTHORISE_SAME_SUBJECT)
#define ALL (ICA | CESNET)

struct row {
	const char *words;
	unsigned forms;
	struct {
		enum who who;
		unsigned but;
	} signers[3];
	struct {
		unsigned char serial;
		const char *password;
	} lines[3];
	unsigned is;
	int twin;
	const char *decision;
};

#define BY(...) {__VA_ARGS__}
#define UNSIGNED {{NO_ONE, 0}}
#define ASKS(...) {__VA_ARGS__}

static const struct row rows[] = {
	/* signed: layer intact, with the private key of the very certificate, of the authority concerned */
	{"holder", ICA, BY({HOLDER, 0}), ASKS({JAN, NULL}), 0, 0, "take: accept signed@1"},
	{"holder, nothing asked for", ICA, BY({HOLDER, UNASKED}), ASKS({JAN, NULL}), INVENTORY_UNASKED, 0,
		"take: accept signed@1"},
	{"holder, the inventory away", ICA, BY({HOLDER, 0}), ASKS({JAN, NULL}), AWAY, 0, "take: accept signed@1"},
	{"holder, not in the inventory", ICA, BY({RENEWED, 0}), ASKS({0x50, NULL}), 0, 0, "take: accept signed@2"},
	{"holder, another's number", ICA, BY({HOLDER, 0}), ASKS({EVA, NULL}), 0, 0, "refuse: other-certificate"},
	{"holder, a number nobody knows", ICA, BY({HOLDER, 0}), ASKS({UNKNOWN_NUMBER, NULL}), 0, 0,
		"refuse: other-certificate"},
	{"holder, broken", ICA, BY({HOLDER, BROKEN}), ASKS({JAN, NULL}), 0, 0, "refuse: bad-signature"},
	{"holder, outside of the signature", ICA, BY({HOLDER, OUTSIDE}), ASKS({JAN, NULL}), 0, 0, "refuse: not-covered"},
	{"the same number of another authority", ICA, BY({STRANGER, 0}), ASKS({JAN, NULL}), 0, 0, "refuse: other-authority"},
	{"another authority's number", ICA, BY({STRANGER, 0}), ASKS({0, NULL}), 0, 0, "refuse: other-authority"},
	{"an issuer past the last", ICA, BY({PAST_THE_LAST, 0}), ASKS({JAN, NULL}), 0, 0, "refuse: other-authority"},
	{"signed twice by the holder", ICA, BY({HOLDER, 0}, {HOLDER, 0}), ASKS({JAN, NULL}), 0, 0, "take: accept signed@1"},
	{"same number, two issuers: the signer's own", ICA, BY({HOLDER, 0}), ASKS({JAN, NULL}), 0, OTA_TWIN,
		"take: accept signed@1"},
	{"same number, two issuers: the twin's own", ICA, BY({TWIN, 0}), ASKS({JAN, NULL}), 0, OTA_TWIN,
		"take: accept signed@0"},
	{"the twin's key for its own, not in the inventory", ICA, BY({TWIN, 0}), ASKS({JAN, NULL}), 0, NO_TWIN,
		"take: accept signed@0"},
	{"signed, closed here", AUTHORISE_PASSWORD, BY({HOLDER, 0}), ASKS({JAN, NULL}), 0, 0, "refuse: form-closed"},
	{"signed, nothing open", 0, BY({HOLDER, 0}), ASKS({JAN, NULL}), 0, 0, "refuse: form-closed"},
	{"signed by two, one of them the holder", ICA, BY({COLLEAGUE, 0}, {HOLDER, 0}), ASKS({JAN, NULL}), 0, 0,
		"take: accept signed@1 signer 1"},
	{"signed by the holder, sealed around", ICA, BY({STRANGER, 0}, {HOLDER, 0}), ASKS({JAN, NULL}), 0, 0,
		"take: accept signed@1 signer 1"},
	{"signed by the holder, a broken seal around", ICA, BY({STRANGER, BROKEN}, {HOLDER, 0}), ASKS({JAN, NULL}), 0, 0,
		"take: accept signed@1 signer 1"},
	{"an attached mail of the holder's, signed by another", ICA, BY({COLLEAGUE, 0}, {HOLDER, OUTSIDE}),
		ASKS({JAN, NULL}), 0, 0, "refuse: other-certificate"},

	/* its status, address, EKU and profile do not matter */
	{"holder, revoked", ICA, BY({HOLDER, REVOKED}), ASKS({JAN, NULL}), 0, 0, "take: accept signed@1"},
	{"holder, status unknown", ICA, BY({HOLDER, STATUS_UNKNOWN}), ASKS({JAN, NULL}), 0, 0, "take: accept signed@1"},
	{"holder, chain not valid", ICA, BY({HOLDER, UNTRUSTED}), ASKS({JAN, NULL}), 0, 0, "take: accept signed@1"},
	{"holder, chain unknown", ICA, BY({HOLDER, CHAIN_UNKNOWN}), ASKS({JAN, NULL}), 0, 0, "take: accept signed@1"},
	{"holder, not for signatures", ICA, BY({HOLDER, NO_USAGE}), ASKS({JAN, NULL}), 0, 0, "take: accept signed@1"},
	{"holder, facts unreadable", ICA, BY({HOLDER, UNREADABLE}), ASKS({JAN, NULL}), 0, 0, "take: accept signed@1"},

	/* several lines */
	{"holder, the same twice", ICA, BY({HOLDER, 0}), ASKS({JAN, NULL}, {JAN, NULL}), 0, 0,
		"take: accept signed@1, same as 0"},
	{"holder, and another's", ICA, BY({HOLDER, 0}), ASKS({JAN, NULL}, {EVA, NULL}), 0, 0,
		"refuse: several, several"},
	{"holder, another's first", ICA, BY({HOLDER, 0}), ASKS({EVA, NULL}, {JAN, NULL}), 0, 0,
		"refuse: several, several"},
	{"authorised, three lines", ICA, BY({CLERK, 0}), ASKS({JAN, NULL}, {EVA, NULL}, {JAN_OLD, NULL}), 0, 0,
		"take: accept authorised@1, accept authorised@1, accept authorised@0"},
	{"authorised, one of them another organisation's", ICA, BY({CLERK, 0}), ASKS({JAN, NULL}, {OTA, NULL}), 0, 0,
		"refuse: accept authorised@1, other-organisation"},
	{"authorised, one of them unknown", ICA, BY({CLERK, 0}), ASKS({UNKNOWN_NUMBER, NULL}, {EVA, NULL}), 0, 0,
		"refuse: unknown-serial, accept authorised@1"},
	{"authorised, his own beside another", ICA, BY({CLERK, 0}), ASKS({0x60, NULL}, {EVA, NULL}), 0, 0,
		"refuse: unknown-serial, accept authorised@1"},
	{"authorised, the same twice", ICA, BY({CLERK, 0}), ASKS({JAN, NULL}, {EVA, NULL}, {JAN, NULL}), 0, 0,
		"take: accept authorised@1, accept authorised@1, same as 0"},
	{"same subject, two lines", CESNET, BY({RENEWED, 0}), ASKS({JAN, NULL}, {JAN_OLD, NULL}), 0, 0,
		"refuse: several, several"},
	{"password, two numbers", ICA, UNSIGNED, ASKS({JAN, "tajne10"}, {EVA, "tajne11"}), 0, 0, "refuse: several, several"},
	{"password, two numbers, not asked for either", ICA, UNSIGNED, ASKS({JAN, "tajne10"}, {EVA, "tajne11"}),
		INVENTORY_UNASKED | PASSWORD_UNASKED, 0, "refuse: several, several"},
	{"password, a number without one beside", ICA, UNSIGNED, ASKS({JAN, "tajne10"}, {EVA, NULL}), 0, 0,
		"refuse: several, unsigned"},
	{"password, the same twice", ICA, UNSIGNED, ASKS({JAN, "tajne10"}, {JAN, "tajne10"}), 0, 0,
		"take: accept password@1, same as 0"},
	{"password, with the second mention of the number only", ICA, UNSIGNED, ASKS({JAN, NULL}, {JAN, "tajne10"}), 0, 0,
		"take: accept password@1, same as 0"},
	{"password, with the first mention of the number only", ICA, UNSIGNED, ASKS({JAN, "tajne10"}, {JAN, NULL}), 0, 0,
		"take: accept password@1, same as 0"},
	{"password, two guesses", ICA, UNSIGNED, ASKS({JAN, "spatne"}, {JAN, "tajne10"}), 0, 0, "refuse: several, same as 0"},
	{"password, two guesses, the right one first", ICA, UNSIGNED, ASKS({JAN, "tajne10"}, {JAN, "spatne"}), 0, 0,
		"refuse: several, same as 0"},

	/* password: any mail with a correct password line */
	{"password", ICA, UNSIGNED, ASKS({JAN, "tajne10"}), 0, 0, "take: accept password@1"},
	{"password, wrong", ICA, UNSIGNED, ASKS({JAN, "tajne11"}), 0, 0, "refuse: password"},
	{"password, in other letters", ICA, UNSIGNED, ASKS({JAN, "Tajne10"}), 0, 0, "refuse: password"},
	{"password, unknown number", ICA, UNSIGNED, ASKS({UNKNOWN_NUMBER, "tajne10"}), 0, 0, "refuse: password"},
	{"password, of one who has none", ICA, UNSIGNED, ASKS({NAME, "tajne10"}), 0, 0, "refuse: password"},
	{"password of another's", ICA, UNSIGNED, ASKS({EVA, "tajne10"}), 0, 0, "refuse: password"},
	{"password, closed here", CESNET, UNSIGNED, ASKS({JAN, "tajne10"}), 0, 0, "refuse: form-closed"},
	{"no password", ICA, UNSIGNED, ASKS({JAN, NULL}), 0, 0, "refuse: unsigned"},
	{"no password where only that is open", AUTHORISE_PASSWORD, UNSIGNED, ASKS({JAN, NULL}), 0, 0, "refuse: unsigned"},
	{"password, two issuers: the first whose hash matches", ICA, UNSIGNED, ASKS({JAN, "twinstajne"}), 0, OTA_TWIN,
		"take: accept password@0"},
	{"password, two issuers: the second whose hash matches", ICA, UNSIGNED, ASKS({JAN, "tajne10"}), 0, OTA_TWIN,
		"take: accept password@1"},
	{"password, two issuers: none matches", ICA, UNSIGNED, ASKS({JAN, "spatne"}), 0, OTA_TWIN, "refuse: password"},
	{"password, two issuers: both match", ICA, UNSIGNED, ASKS({JAN, "tajne10"}), 0, JAN_TWIN, "refuse: ambiguous"},
	{"password, two issuers: one has none", ICA, UNSIGNED, ASKS({JAN, "tajne10"}), 0, EVA_TWIN, "take: accept password@1"},
	{"password, the inventory away", ICA, UNSIGNED, ASKS({JAN, "tajne10"}), AWAY, 0, "defer: inventory"},
	{"password, unknown number, the inventory away", ICA, UNSIGNED, ASKS({UNKNOWN_NUMBER, "tajne10"}), AWAY, 0,
		"defer: inventory"},
	{"password, too many guesses", ICA, UNSIGNED, ASKS({JAN, "tajne10"}), LATER, 0, "defer: password-later"},
	{"password, unknown number, too many guesses", ICA, UNSIGNED, ASKS({UNKNOWN_NUMBER, "tajne10"}), LATER, 0,
		"defer: password-later"},
	{"password, inventory first", ICA, UNSIGNED, ASKS({JAN, "tajne10"}), INVENTORY_UNASKED | PASSWORD_UNASKED, 0,
		"ask: inventory"},
	{"password, then the hash", ICA, UNSIGNED, ASKS({JAN, "tajne10"}), PASSWORD_UNASKED, 0, "ask: password"},
	{"password, a hash for an unknown number too", ICA, UNSIGNED, ASKS({UNKNOWN_NUMBER, "tajne10"}), PASSWORD_UNASKED, 0,
		"ask: password"},
	{"password, asked of the line that has it", ICA, UNSIGNED, ASKS({JAN, NULL}, {JAN, "tajne10"}), PASSWORD_UNASKED, 0,
		"ask: password of 1, same as 0"},
	{"no password, no question", ICA, UNSIGNED, ASKS({JAN, NULL}), INVENTORY_UNASKED | PASSWORD_UNASKED, 0,
		"refuse: unsigned"},

	/* ... whatever signature it carries or breaks */
	{"password, sealed by the company", ICA, BY({STRANGER, 0}), ASKS({JAN, "tajne10"}), 0, 0, "take: accept password@1"},
	{"password, seal broken", ICA, BY({STRANGER, BROKEN}), ASKS({JAN, "tajne10"}), 0, 0, "take: accept password@1"},
	{"password, seal unreadable", ICA, UNSIGNED, ASKS({JAN, "tajne10"}), SEALED, 0, "take: accept password@1"},
	{"password, signed by a colleague", ICA, BY({COLLEAGUE, 0}), ASKS({JAN, "tajne10"}), 0, 0, "take: accept password@1"},
	{"password, signed by one revoked", ICA, BY({COLLEAGUE, REVOKED | WEAK}), ASKS({JAN, "tajne10"}), 0, 0,
		"take: accept password@1"},
	{"password, signed in another's name and old", ICA, BY({COLLEAGUE, IS_OLD}), ASKS({JAN, "tajne10"}), 0, 0,
		"take: accept password@1"},
	{"password, holder's signature broken", ICA, BY({HOLDER, BROKEN}), ASKS({JAN, "tajne10"}), 0, 0,
		"take: accept password@1"},
	{"password, clerk of another organisation", ICA, BY({CLERK, 0}), ASKS({OTA, "tajneota"}), 0, 0,
		"take: accept password@1"},
	{"password, listed signer's status unknown", ICA, BY({CLERK, STATUS_UNKNOWN}), ASKS({JAN, "tajne10"}), 0, 0,
		"take: accept password@1"},
	{"password wrong, listed signer's status unknown", ICA, BY({CLERK, STATUS_UNKNOWN}), ASKS({JAN, "spatne"}), 0, 0,
		"defer: status-unknown"},
	{"password wrong, sealed by the company", ICA, BY({STRANGER, 0}), ASKS({JAN, "spatne"}), 0, 0, "refuse: password"},
	{"password wrong, unknown number, sealed", ICA, BY({STRANGER, 0}), ASKS({UNKNOWN_NUMBER, "spatne"}), 0, 0,
		"refuse: password"},
	{"password wrong, signature broken", ICA, BY({HOLDER, BROKEN}), ASKS({JAN, "spatne"}), 0, 0, "refuse: password"},
	{"password wrong, signed by the holder", ICA, BY({HOLDER, 0}), ASKS({JAN, "spatne"}), 0, 0, "take: accept signed@1"},
	{"password under attack, signed by the holder", ICA, BY({HOLDER, 0}), ASKS({JAN, "spatne"}), LATER, 0,
		"take: accept signed@1"},
	{"signed by the holder: no password is computed", ICA, BY({HOLDER, 0}), ASKS({JAN, "tajne10"}),
		INVENTORY_UNASKED | PASSWORD_UNASKED, 0, "take: accept signed@1"},
	{"signed by the holder long ago, password right", ICA, BY({HOLDER, IS_OLD}), ASKS({JAN, "tajne10"}), 0, 0,
		"take: accept password@1"},
	{"signed by the holder long ago, password wrong", ICA, BY({HOLDER, IS_OLD}), ASKS({JAN, "spatne"}), 0, 0,
		"take: wait signed@1 signing-time-old"},
	{"signed by the holder long ago, password not computed yet", ICA, BY({HOLDER, IS_OLD}), ASKS({JAN, "tajne10"}),
		PASSWORD_UNASKED, 0, "ask: password"},
	{"signed by the holder long ago, too many guesses", ICA, BY({HOLDER, IS_OLD}), ASKS({JAN, "tajne10"}), LATER, 0,
		"take: wait signed@1 signing-time-old"},

	/* authorised: a certificate listed for an organisation, valid now and status good */
	{"authorised", ICA, BY({CLERK, 0}), ASKS({JAN, NULL}), 0, 0, "take: accept authorised@1"},
	{"authorised, certificate of another authority", ICA, BY({CLERK_ELSEWHERE, 0}), ASKS({JAN, NULL}), 0, 0,
		"take: accept authorised@1"},
	{"authorised, closed here", AUTHORISE_SIGNED | AUTHORISE_PASSWORD, BY({CLERK, 0}), ASKS({JAN, NULL}), 0, 0,
		"refuse: other-certificate"},
	{"authorised, broken", ICA, BY({CLERK, BROKEN}), ASKS({JAN, NULL}), 0, 0, "refuse: bad-signature"},
	{"authorised, outside of the signature", ICA, BY({CLERK, OUTSIDE}), ASKS({JAN, NULL}), 0, 0, "refuse: not-covered"},
	{"authorised, not for signatures", ICA, BY({CLERK, NO_USAGE}), ASKS({JAN, NULL}), 0, 0, "refuse: key-usage"},
	{"authorised, chain not valid", ICA, BY({CLERK, UNTRUSTED}), ASKS({JAN, NULL}), 0, 0, "refuse: untrusted"},
	{"authorised, revoked", ICA, BY({CLERK, REVOKED}), ASKS({JAN, NULL}), 0, 0, "refuse: revoked"},
	{"authorised, status unknown", ICA, BY({CLERK, STATUS_UNKNOWN}), ASKS({JAN, NULL}), 0, 0, "defer: status-unknown"},
	{"authorised, chain unknown", ICA, BY({CLERK, CHAIN_UNKNOWN}), ASKS({JAN, NULL}), 0, 0, "defer: status-unknown"},
	{"authorised, status unknown, of a number nobody knows", ICA, BY({CLERK, STATUS_UNKNOWN}),
		ASKS({UNKNOWN_NUMBER, NULL}), 0, 0, "defer: status-unknown"},
	{"authorised, status unknown but chain not valid", ICA, BY({CLERK, STATUS_UNKNOWN | UNTRUSTED}), ASKS({JAN, NULL}), 0, 0,
		"refuse: untrusted"},
	{"authorised, inventory away", ICA, BY({CLERK, 0}), ASKS({JAN, NULL}), AWAY, 0, "defer: inventory"},
	{"authorised, revoked, inventory away", ICA, BY({CLERK, REVOKED}), ASKS({JAN, NULL}), AWAY, 0, "refuse: revoked"},
	{"authorised, asks for both at once", ICA, BY({CLERK, UNASKED}), ASKS({JAN, NULL}), INVENTORY_UNASKED, 0,
		"ask: inventory trust 0"},
	{"authorised, asks for the status", ICA, BY({CLERK, UNASKED}), ASKS({JAN, NULL}), 0, 0, "ask: trust 0"},
	{"authorised, the chain is known to be valid", ICA, BY({CLERK, CHAIN_ONLY}), ASKS({JAN, NULL}), 0, 0, "ask: trust 0"},
	{"authorised, the status is known to be good", ICA, BY({CLERK, STATUS_ONLY}), ASKS({JAN, NULL}), 0, 0, "ask: trust 0"},
	{"authorised, asks for the inventory", ICA, BY({CLERK, 0}), ASKS({JAN, NULL}), INVENTORY_UNASKED, 0, "ask: inventory"},
	{"not listed: nobody's status is asked for", ICA, BY({COLLEAGUE, UNASKED}), ASKS({JAN, NULL}), INVENTORY_UNASKED, 0,
		"refuse: other-certificate"},
	{"not for signatures: nothing is asked for", ICA, BY({CLERK, NO_USAGE | UNASKED}), ASKS({JAN, NULL}), INVENTORY_UNASKED, 0,
		"refuse: key-usage"},
	{"the second signer is listed", ICA, BY({STRANGER, UNASKED}, {CLERK, UNASKED}), ASKS({JAN, NULL}), 0, 0, "ask: trust 1"},
	{"two are listed, the first revoked", ICA, BY({CLERK_OF_TWO, REVOKED}, {CLERK, 0}), ASKS({JAN, NULL}), 0, 0,
		"take: accept authorised@1 signer 1"},
	{"two are listed, the first not known", ICA, BY({CLERK_OF_TWO, STATUS_UNKNOWN}, {CLERK, 0}), ASKS({JAN, NULL}), 0, 0,
		"take: accept authorised@1 signer 1"},
	{"a stranger with all that is good", ICA, BY({STRANGER, 0}), ASKS({EVA, NULL}), 0, 0, "refuse: other-authority"},
	{"only authorised open, not listed", AUTHORISE_AUTHORISED, BY({COLLEAGUE, 0}), ASKS({JAN, NULL}), 0, 0,
		"refuse: not-listed"},
	{"authorised, its own certificate by the signed form", ICA, BY({CLERK, REVOKED}), ASKS({0x60, NULL}), 0, 0,
		"take: accept signed@2"},

	/* groups are asked where they decide */
	{"groups: a member", ICA, BY({CLERK_IN_GROUP, 0}), ASKS({JAN, NULL}), GROUPS_HERE, 0, "take: accept authorised@1"},
	{"groups: a member, there are none", ICA, BY({CLERK_IN_GROUP, 0}), ASKS({JAN, NULL}), 0, 0, "refuse: other-certificate"},
	{"groups: another organisation's", ICA, BY({CLERK_IN_GROUP, 0}), ASKS({OTA, NULL}), GROUPS_HERE, 0,
		"refuse: other-organisation"},
	{"groups: asked first", ICA, BY({CLERK_IN_GROUP, UNASKED}), ASKS({JAN, NULL}), GROUPS_UNASKED | INVENTORY_UNASKED, 0,
		"ask: groups"},
	{"groups: then the others", ICA, BY({CLERK_IN_GROUP, UNASKED}), ASKS({JAN, NULL}), GROUPS_HERE | INVENTORY_UNASKED, 0,
		"ask: inventory trust 0"},
	{"groups: here, no member", ICA, BY({COLLEAGUE, UNASKED}), ASKS({JAN, NULL}), GROUPS_HERE | INVENTORY_UNASKED, 0,
		"refuse: other-certificate"},
	{"groups: away", ICA, BY({CLERK_IN_GROUP, 0}), ASKS({JAN, NULL}), GROUPS_AWAY, 0, "defer: groups"},
	{"groups: away, anybody in good standing", ICA, BY({COLLEAGUE, 0}), ASKS({JAN, NULL}), GROUPS_AWAY, 0, "defer: groups"},
	{"groups: away, whose chain is not valid", ICA, BY({STRANGER, UNTRUSTED}), ASKS({JAN, NULL}), GROUPS_AWAY, 0,
		"refuse: untrusted"},
	{"groups: away, his standing is to be known first", ICA, BY({CLERK_IN_GROUP, UNASKED}), ASKS({JAN, NULL}), GROUPS_AWAY, 0,
		"ask: trust 0"},
	{"groups: listed in a file, not asked", ICA, BY({CLERK, 0}), ASKS({JAN, NULL}), GROUPS_UNASKED, 0,
		"take: accept authorised@1"},
	{"groups: listed in a file, away", ICA, BY({CLERK, 0}), ASKS({JAN, NULL}), GROUPS_AWAY, 0, "take: accept authorised@1"},
	{"groups: listed in a file for another organisation, asked", ICA, BY({CLERK_ALSO_IN_GROUP, 0}), ASKS({JAN, NULL}),
		GROUPS_UNASKED, 0, "ask: groups"},
	{"groups: listed in a file for another organisation, away", ICA, BY({CLERK_ALSO_IN_GROUP, 0}), ASKS({JAN, NULL}),
		GROUPS_AWAY, 0, "defer: groups"},
	{"groups: listed in a file for another organisation, here", ICA, BY({CLERK_ALSO_IN_GROUP, 0}), ASKS({JAN, NULL}),
		GROUPS_HERE, 0, "take: accept authorised@1"},
	{"groups: authorised closed", AUTHORISE_SIGNED, BY({CLERK_IN_GROUP, 0}), ASKS({JAN, NULL}), GROUPS_UNASKED, 0,
		"refuse: other-certificate"},
	{"groups: the holder waits for nothing", ICA, BY({HOLDER, 0}), ASKS({JAN, NULL}), GROUPS_UNASKED | INVENTORY_UNASKED, 0,
		"take: accept signed@1"},
	{"groups: nor does he whose mail is old", ALL, BY({HOLDER, IS_OLD | UNASKED}), ASKS({JAN, NULL}),
		GROUPS_UNASKED | INVENTORY_UNASKED, 0, "take: wait signed@1 signing-time-old"},
	{"groups: away, a password right", ICA, BY({COLLEAGUE, 0}), ASKS({JAN, "tajne10"}), GROUPS_AWAY, 0,
		"take: accept password@1"},
	/* the target comes from the inventory, never from the request */
	{"authorised, unknown number", ICA, BY({CLERK, 0}), ASKS({UNKNOWN_NUMBER, NULL}), 0, 0, "refuse: unknown-serial"},
	{"authorised, same number at two issuers", ICA, BY({CLERK, 0}), ASKS({JAN, NULL}), 0, OTA_TWIN, "refuse: ambiguous"},
	{"authorised, same number at two issuers, both of A", ICA, BY({CLERK, 0}), ASKS({JAN, NULL}), 0, EVA_TWIN,
		"refuse: ambiguous"},

	/* equal organizationIdentifier; O with C only where neither has one and the listing allows it */
	{"organisation: equal identifiers", ICA, BY({CLERK, 0}), ASKS({EVA, NULL}), 0, 0, "take: accept authorised@1"},
	{"organisation: another identifier", ICA, BY({CLERK, 0}), ASKS({OTA, NULL}), 0, 0, "refuse: other-organisation"},
	{"organisation: other letters", ICA, BY({CLERK, 0}), ASKS({LOWER, NULL}), 0, 0, "refuse: other-organisation"},
	{"organisation: a longer identifier", ICA, BY({CLERK, 0}), ASKS({LONGER, NULL}), 0, 0, "refuse: other-organisation"},
	{"organisation: only the listing has an identifier", ICA, BY({CLERK, 0}), ASKS({NAME, NULL}), 0, 0,
		"refuse: other-organisation"},
	{"organisation: only the certificate has an identifier", ICA, BY({CLERK_BY_NAME, 0}), ASKS({JAN, NULL}), 0, 0,
		"refuse: other-organisation"},
	{"organisation: neither has one, O and C equal", ICA, BY({CLERK_BY_NAME, 0}), ASKS({NAME, NULL}), 0, 0,
		"take: accept authorised@1"},
	{"organisation: neither has one, not allowed", ICA, BY({CLERK_NAME_ONLY, 0}), ASKS({NAME, NULL}), 0, 0,
		"refuse: other-organisation"},
	{"organisation: neither has one, another C", ICA, BY({CLERK_BY_NAME, 0}), ASKS({ABROAD, NULL}), 0, 0,
		"refuse: other-organisation"},
	{"organisation: neither has one, another O", ICA, BY({CLERK_BY_NAME, 0}), ASKS({OTHER_NAME, NULL}), 0, 0,
		"refuse: other-organisation"},
	{"organisation: neither has one, no C in the certificate", ICA, BY({CLERK_BY_NAME, 0}), ASKS({NO_COUNTRY, NULL}), 0, 0,
		"refuse: other-organisation"},
	{"organisation: neither has one, no C at both", ICA, BY({CLERK_WITHOUT_COUNTRY, 0}), ASKS({NO_COUNTRY, NULL}), 0, 0,
		"refuse: other-organisation"},
	{"organisation: none in the certificate", ICA, BY({CLERK, 0}), ASKS({NOBODYS, NULL}), 0, 0,
		"refuse: other-organisation"},
	{"organisation: none in the certificate, by name", ICA, BY({CLERK_BY_NAME, 0}), ASKS({NOBODYS, NULL}), 0, 0,
		"refuse: other-organisation"},
	{"organisation: empty identifiers are none", ICA, BY({CLERK_EMPTY, 0}), ASKS({EMPTY, NULL}), 0, 0,
		"refuse: other-organisation"},
	{"organisation: there twice", ICA, BY({CLERK, 0}), ASKS({TWICE, NULL}), 0, 0, "refuse: other-organisation"},
	{"organisation: listed for two, the second", ICA, BY({CLERK_OF_TWO, 0}), ASKS({JAN, NULL}), 0, 0,
		"take: accept authorised@1"},
	{"organisation: listed for two, the first", ICA, BY({CLERK_OF_TWO, 0}), ASKS({OTA, NULL}), 0, 0,
		"take: accept authorised@1"},
	{"organisation: not the one of the signer's certificate", ICA, BY({CLERK, 0}), ASKS({OTA, NULL}), 0, 0,
		"refuse: other-organisation"},
	{"organisation: another's status and number tell nothing", ICA, BY({CLERK, UNTRUSTED}), ASKS({OTA, NULL}), 0, 0,
		"refuse: untrusted"},

	/* the unsigned special case: off unless switched on for named senders with dkim=pass of From's domain */
	{"unsigned", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_OFFICE | DKIM, 0, "take: accept authorised@1 sender 1"},
	{"unsigned, off", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_OFFICE | DKIM | NO_SENDERS, 0, "refuse: unsigned"},
	{"unsigned, authorised closed", ICA & ~AUTHORISE_AUTHORISED, UNSIGNED, ASKS({JAN, NULL}), FROM_OFFICE | DKIM, 0,
		"refuse: unsigned"},
	{"unsigned, no dkim", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_OFFICE, 0, "refuse: no-dkim"},
	{"unsigned, domain in other letters", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_OFFICE | DKIM_CASE, 0,
		"take: accept authorised@1 sender 1"},
	{"unsigned, From in other letters", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_CASE | DKIM, 0,
		"take: accept authorised@1 sender 1"},
	{"unsigned, dkim of a domain below", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_OFFICE | DKIM_BELOW, 0, "refuse: no-dkim"},
	{"unsigned, dkim of a domain above", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_OFFICE | DKIM_ABOVE, 0, "refuse: no-dkim"},
	{"unsigned, dkim of a list too", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_OFFICE | DKIM_OTHERS, 0,
		"take: accept authorised@1 sender 1"},
	{"unsigned, another sender of the domain", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_OTHER | DKIM, 0, "refuse: unsigned"},
	{"unsigned, From is not one address", ICA, UNSIGNED, ASKS({JAN, NULL}), DKIM, 0, "refuse: unsigned"},
	{"unsigned, but with a broken signature", ICA, BY({CLERK, BROKEN}), ASKS({JAN, NULL}), FROM_OFFICE | DKIM, 0,
		"refuse: bad-signature"},
	{"unsigned, but with an unreadable signature", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_OFFICE | DKIM | SEALED, 0,
		"refuse: bad-signature"},
	{"unsigned, sealed by a stranger", ICA, BY({STRANGER, 0}), ASKS({JAN, NULL}), FROM_OFFICE | DKIM, 0,
		"refuse: other-authority"},
	{"unsigned, another organisation's", ICA, UNSIGNED, ASKS({OTA, NULL}), FROM_OFFICE | DKIM, 0,
		"refuse: other-organisation"},
	{"unsigned, by name is not allowed", ICA, UNSIGNED, ASKS({NAME, NULL}), FROM_OFFICE | DKIM, 0,
		"refuse: other-organisation"},
	{"unsigned, unknown number", ICA, UNSIGNED, ASKS({UNKNOWN_NUMBER, NULL}), FROM_OFFICE | DKIM, 0,
		"refuse: unknown-serial"},
	{"unsigned, two issuers", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_OFFICE | DKIM, OTA_TWIN, "refuse: ambiguous"},
	{"unsigned, inventory away", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_OFFICE | DKIM | AWAY, 0, "defer: inventory"},
	{"unsigned, inventory not asked", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_OFFICE | DKIM | INVENTORY_UNASKED, 0,
		"ask: inventory"},
	{"unsigned, no dkim: nothing is asked for", ICA, UNSIGNED, ASKS({JAN, NULL}), FROM_OFFICE | INVENTORY_UNASKED, 0,
		"refuse: no-dkim"},
	{"unsigned, several lines", ICA, UNSIGNED, ASKS({JAN, NULL}, {EVA, NULL}), FROM_OFFICE | DKIM, 0,
		"take: accept authorised@1 sender 1, accept authorised@1 sender 1"},
	{"unsigned, with a wrong password", ICA, UNSIGNED, ASKS({JAN, "spatne"}), FROM_OFFICE | DKIM, 0,
		"take: accept authorised@1 sender 1"},

	/* same subject: another certificate of the same authority, policy and subject, valid now and status good */
	{"same subject", CESNET, BY({RENEWED, 0}), ASKS({JAN, NULL}), 0, 0, "take: accept same-subject@1"},
	{"same subject, closed here", ICA, BY({RENEWED, 0}), ASKS({JAN, NULL}), 0, 0, "refuse: other-certificate"},
	{"same subject, another issuer of the authority", CESNET, BY({RENEWED, 0}), ASKS({JAN_OLD, NULL}), 0, 0,
		"take: accept same-subject@0"},
	{"same subject, of the same issuer", CESNET, BY({SIBLING, 0}), ASKS({JAN, NULL}), 0, 0,
		"take: accept same-subject@1"},
	{"same subject, with the same number of another issuer", AUTHORISE_SAME_SUBJECT, BY({NUMBERED_ALIKE, 0}),
		ASKS({JAN, NULL}), 0, 0, "take: accept same-subject@1"},
	{"same subject, an issuer past the last", CESNET, BY({PAST_THE_LAST, 0}), ASKS({JAN_OLD, NULL}), 0, 0,
		"refuse: other-authority"},
	{"same subject only, an issuer past the last", AUTHORISE_SAME_SUBJECT, BY({PAST_THE_LAST, 0}), ASKS({JAN_OLD, NULL}), 0,
		0, "refuse: other-authority"},
	{"same subject, of another authority", CESNET, BY({STRANGER, 0}), ASKS({JAN, NULL}), 0, 0, "refuse: other-authority"},
	{"another subject", CESNET, BY({COLLEAGUE, 0}), ASKS({JAN, NULL}), 0, 0, "refuse: other-subject"},
	{"another subject of one organisation", CESNET, BY({RENEWED, 0}), ASKS({EVA, NULL}), 0, 0, "refuse: other-subject"},
	{"same subject, another policy", CESNET, BY({RENEWED_OTHER, 0}), ASKS({JAN, NULL}), 0, 0, "refuse: other-subject"},
	{"same subject, the target's policy another", CESNET, BY({RENEWED, 0}), ASKS({JAN_OTHER, NULL}), 0, 0,
		"refuse: other-subject"},
	{"same subject, the same policies in another order", CESNET, BY({RENEWED_ETSI, 0}), ASKS({JAN_ETSI, NULL}), 0, 0,
		"take: accept same-subject@0"},
	{"same subject, one policy more", CESNET, BY({RENEWED_ETSI, 0}), ASKS({JAN, NULL}), 0, 0, "refuse: other-subject"},
	{"same subject, one policy less", CESNET, BY({RENEWED, 0}), ASKS({JAN_ETSI, NULL}), 0, 0, "refuse: other-subject"},
	{"same subject, no policies", CESNET, BY({RENEWED_BARE, 0}), ASKS({JAN_BARE, NULL}), 0, 0, "refuse: other-subject"},
	{"no subject is not the same", CESNET, BY({NAMELESS, 0}), ASKS({NO_SUBJECT, NULL}), 0, 0, "refuse: other-subject"},
	{"same subject, facts unreadable", CESNET, BY({RENEWED, UNREADABLE}), ASKS({JAN, NULL}), 0, 0, "refuse: other-subject"},
	{"same subject, unknown number", CESNET, BY({RENEWED, 0}), ASKS({UNKNOWN_NUMBER, NULL}), 0, 0, "refuse: other-subject"},
	{"same subject, broken", CESNET, BY({RENEWED, BROKEN}), ASKS({JAN, NULL}), 0, 0, "refuse: bad-signature"},
	{"same subject, outside of the signature", CESNET, BY({RENEWED, OUTSIDE}), ASKS({JAN, NULL}), 0, 0,
		"refuse: not-covered"},
	{"same subject, chain not valid", CESNET, BY({RENEWED, UNTRUSTED}), ASKS({JAN, NULL}), 0, 0, "refuse: untrusted"},
	{"same subject, revoked", CESNET, BY({RENEWED, REVOKED}), ASKS({JAN, NULL}), 0, 0, "refuse: revoked"},
	{"same subject, status unknown", CESNET, BY({RENEWED, STATUS_UNKNOWN}), ASKS({JAN, NULL}), 0, 0, "defer: status-unknown"},
	{"same subject, not for signatures", CESNET, BY({RENEWED, NO_USAGE}), ASKS({JAN, NULL}), 0, 0, "refuse: key-usage"},
	{"same subject, inventory away", CESNET, BY({RENEWED, 0}), ASKS({JAN, NULL}), AWAY, 0, "defer: inventory"},
	{"same subject, inventory first", CESNET, BY({RENEWED, UNASKED}), ASKS({JAN, NULL}), INVENTORY_UNASKED, 0,
		"ask: inventory"},
	{"same subject, then the status", CESNET, BY({RENEWED, UNASKED}), ASKS({JAN, NULL}), 0, 0, "ask: trust 0"},
	{"another subject: no status is asked for", CESNET, BY({COLLEAGUE, UNASKED}), ASKS({JAN, NULL}), 0, 0,
		"refuse: other-subject"},
	{"same subject, two issuers, one of it", CESNET, BY({RENEWED, 0}), ASKS({JAN, NULL}), 0, OTA_TWIN, "refuse: ambiguous"},
	{"same subject, two issuers, both of it", CESNET, BY({RENEWED, 0}), ASKS({JAN, NULL}), 0, JAN_TWIN, "refuse: ambiguous"},
	{"another subject, two issuers", CESNET, BY({NAMELESS, 0}), ASKS({JAN, NULL}), 0, OTA_TWIN, "refuse: other-subject"},
	{"the very certificate is not another one", AUTHORISE_SAME_SUBJECT, BY({HOLDER, 0}), ASKS({JAN, NULL}), 0, 0,
		"refuse: other-subject"},
	{"the very certificate, both open", CESNET, BY({HOLDER, REVOKED}), ASKS({JAN, NULL}), 0, 0, "take: accept signed@1"},
	{"all open: same subject before authorised", ALL, BY({RENEWED, 0}), ASKS({JAN, NULL}), 0, 0,
		"take: accept same-subject@1"},

	/* replay: signingTime within request-age before receipt and not in the future, else it waits */
	{"a second under three days old", ICA, BY({HOLDER, NOT_QUITE_OLD}), ASKS({JAN, NULL}), 0, 0, "take: accept signed@1"},
	{"three days old and a second", ICA, BY({HOLDER, BARELY_OLD}), ASKS({JAN, NULL}), 0, 0,
		"take: wait signed@1 signing-time-old"},
	{"an old mail replayed", ICA, BY({HOLDER, IS_OLD}), ASKS({JAN, NULL}), 0, 0, "take: wait signed@1 signing-time-old"},
	{"signed when it was received", ICA, BY({HOLDER, JUST_NOW}), ASKS({JAN, NULL}), 0, 0, "take: accept signed@1"},
	{"signed a second later", ICA, BY({HOLDER, BARELY_FUTURE}), ASKS({JAN, NULL}), 0, 0,
		"take: wait signed@1 signing-time-future"},
	{"signed in the future", ICA, BY({HOLDER, FUTURE}), ASKS({JAN, NULL}), 0, 0, "take: wait signed@1 signing-time-future"},
	{"signed at no time", ICA, BY({HOLDER, TIMELESS}), ASKS({JAN, NULL}), 0, 0, "take: wait signed@1 no-signing-time"},
	{"signed weakly", ICA, BY({HOLDER, WEAK}), ASKS({JAN, NULL}), 0, 0, "take: wait signed@1 weak-signature"},
	{"old and not his own", ICA, BY({COLLEAGUE, IS_OLD}), ASKS({JAN, NULL}), 0, 0, "refuse: other-certificate"},
	{"old and broken", ICA, BY({HOLDER, IS_OLD | BROKEN}), ASKS({JAN, NULL}), 0, 0, "refuse: bad-signature"},
	{"old and another authority's", ICA, BY({STRANGER, IS_OLD}), ASKS({JAN, NULL}), 0, 0, "refuse: other-authority"},
	{"authorised, old", ICA, BY({CLERK, IS_OLD}), ASKS({JAN, NULL}), 0, 0, "take: wait authorised@1 signing-time-old"},
	{"authorised, in the future", ICA, BY({CLERK, FUTURE}), ASKS({JAN, NULL}), 0, 0,
		"take: wait authorised@1 signing-time-future"},
	{"authorised, at no time", ICA, BY({CLERK, TIMELESS}), ASKS({JAN, NULL}), 0, 0,
		"take: wait authorised@1 no-signing-time"},
	{"authorised, weakly", ICA, BY({CLERK, WEAK}), ASKS({JAN, NULL}), 0, 0, "take: wait authorised@1 weak-signature"},
	{"authorised, old, status unknown", ICA, BY({CLERK, IS_OLD | STATUS_UNKNOWN}), ASKS({JAN, NULL}), 0, 0,
		"defer: status-unknown"},
	{"authorised, old, another organisation's", ICA, BY({CLERK, IS_OLD}), ASKS({OTA, NULL}), 0, 0,
		"refuse: other-organisation"},
	{"same subject, old", CESNET, BY({RENEWED, IS_OLD}), ASKS({JAN, NULL}), 0, 0,
		"take: wait same-subject@1 signing-time-old"},
	{"same subject, at no time", CESNET, BY({RENEWED, TIMELESS}), ASKS({JAN, NULL}), 0, 0,
		"take: wait same-subject@1 no-signing-time"},
	{"signed twice, one of them old", ICA, BY({HOLDER, IS_OLD}, {HOLDER, 0}), ASKS({JAN, NULL}), 0, 0,
		"take: accept signed@1 signer 1"},
	{"authorised, one waits, one is refused", ICA, BY({CLERK, IS_OLD}), ASKS({OTA, NULL}, {EVA, NULL}), 0, 0,
		"refuse: other-organisation, wait authorised@1 signing-time-old"},
};

/* ---- from a row to facts ------------------------------------------------------ */

#define LINES 3
#define MATCHES ISSUERS

struct scene {
	struct authorise_block block;
	struct authorise_facts facts;
	struct authorise_signer signers[3];
	struct authorise_line lines[LINES];
	struct inventory_entry entries[LINES][MATCHES];
	const struct inventory_entry *matches[LINES][MATCHES];
	bool right[LINES][MATCHES];
	struct slice dkim[2];
};

static struct holder_serial
number(unsigned char serial)
{
	struct holder_serial s;

	ck_assert(holder_serial_of(slice_of(&serial, 1), &s));
	return s;
}

static time_t
signing_time(unsigned but)
{
	return but & IS_OLD ? NOW - 40 * 24 * HOUR : but & BARELY_OLD ? NOW - 72 * HOUR - 1 :
		but & NOT_QUITE_OLD ? NOW - 72 * HOUR : but & FUTURE ? NOW + 24 * HOUR :
		but & BARELY_FUTURE ? NOW + 1 : but & JUST_NOW ? NOW : NOW - HOUR;
}

static struct authorise_signer
make_signer(enum who who, unsigned but)
{
	const struct person *p = &people[who];

	return (struct authorise_signer){
		.covers = !(but & OUTSIDE), .intact = !(but & BROKEN), .weak = but & WEAK, .may_sign = !(but & NO_USAGE),
		.issuer = p->issuer, .serial = number(p->serial), .holder = but & UNREADABLE ? NULL : p->holder,
		DIGEST(who), .signature = {who, 0xaa}, .has_signing_time = !(but & TIMELESS),
		.signing_time = but & TIMELESS ? 0 : signing_time(but),
		.trust = but & (UNASKED | STATUS_ONLY) ? AUTHORISE_TRUST_ASK : but & UNTRUSTED ? AUTHORISE_UNTRUSTED :
			but & CHAIN_UNKNOWN ? AUTHORISE_TRUST_UNKNOWN : AUTHORISE_TRUSTED,
		.status = but & (UNASKED | CHAIN_ONLY) ? AUTHORISE_STATUS_ASK : but & REVOKED ? AUTHORISE_REVOKED :
			but & STATUS_UNKNOWN ? AUTHORISE_STATUS_UNKNOWN : AUTHORISE_GOOD,
	};
}

static void
look_up(const struct row *row, size_t at, struct scene *s)
{
	struct authorise_line *line = &s->lines[at];
	const char *password = row->lines[at].password;

	for (size_t i = 0; i < TARGETS; i++) {
		const struct target *t = &targets[i];
		size_t n = line->match_count;

		if (t->serial != row->lines[at].serial || (t->twin != NO_TWIN && t->twin != row->twin))
			continue;
		s->entries[at][n] = (struct inventory_entry){.issuer = t->issuer, .serial = number(t->serial),
			.holder = *t->holder};
		s->matches[at][n] = &s->entries[at][n];
		s->right[at][n] = password != NULL && t->password != NULL && strcmp(password, t->password) == 0;
		line->match_count++;
	}
	line->matches = s->matches[at];
	line->password_matches = s->right[at];
}

static void
make_lines(const struct row *row, struct scene *s)
{
	for (size_t i = 0; i < LINES && (i == 0 || row->lines[i].serial != 0); i++) {
		struct authorise_line *line = &s->lines[i];

		line->serial = number(row->lines[i].serial);
		line->password = slice_str(row->lines[i].password);
		line->inventory = row->is & AWAY ? AUTHORISE_INVENTORY_AWAY :
			row->is & INVENTORY_UNASKED ? AUTHORISE_INVENTORY_ASK : AUTHORISE_INVENTORY_HERE;
		line->check = row->is & LATER ? AUTHORISE_PASSWORD_LATER :
			row->is & PASSWORD_UNASKED ? AUTHORISE_PASSWORD_ASK : AUTHORISE_PASSWORD_CHECKED;
		if (line->inventory == AUTHORISE_INVENTORY_HERE)
			look_up(row, i, s);
		s->facts.line_count++;
	}
	s->facts.lines = s->lines;
}

static void
make_senders(unsigned is, struct scene *s)
{
	struct authorise_facts *f = &s->facts;

	f->from = slice_str(is & FROM_OFFICE ? OFFICE : is & FROM_CASE ? "Urad@ALFA.example" :
		is & FROM_OTHER ? "kdosi@alfa.example" : "");
	f->dkim = s->dkim;
	if (is & DKIM_OTHERS)
		s->dkim[f->dkim_count++] = slice_str("lists.example");
	if (is & (DKIM | DKIM_OTHERS))
		s->dkim[f->dkim_count++] = slice_str("alfa.example");
	if (is & DKIM_CASE)
		s->dkim[f->dkim_count++] = slice_str("ALFA.Example");
	if (is & DKIM_BELOW)
		s->dkim[f->dkim_count++] = slice_str("mail.alfa.example");
	if (is & DKIM_ABOVE)
		s->dkim[f->dkim_count++] = slice_str("example");
}

static void
make_groups(unsigned is, struct authorise_facts *f)
{
	f->groups = is & GROUPS_UNASKED ? AUTHORISE_GROUPS_ASK : is & GROUPS_AWAY ? AUTHORISE_GROUPS_AWAY :
		is & GROUPS_HERE ? AUTHORISE_GROUPS_HERE : AUTHORISE_GROUPS_NONE;
	if (f->groups == AUTHORISE_GROUPS_HERE) {
		f->listings = listings;
		f->listing_count = LISTINGS;
	}
}

static void
make_scene(const struct row *row, struct scene *s)
{
	*s = (struct scene){
		.block = {.name = slice_str("ica"), .forms = row->forms, .issuers = issuers, .issuer_count = ISSUERS,
			.request_age = AUTHORISE_AGE, .listings = listings, .listing_count = FILED, .senders = senders,
			.sender_count = row->is & NO_SENDERS ? 0 : sizeof senders / sizeof senders[0]},
		.facts = {.received = NOW, .content = {0xcc}},
	};
	make_groups(row->is, &s->facts);
	for (; s->facts.signer_count < 3 && row->signers[s->facts.signer_count].who != NO_ONE; s->facts.signer_count++)
		s->signers[s->facts.signer_count] = make_signer(row->signers[s->facts.signer_count].who,
			row->signers[s->facts.signer_count].but);
	s->facts.signers = s->signers;
	s->facts.is_signed = s->facts.signer_count > 0 || (row->is & SEALED);
	make_lines(row, s);
	make_senders(row->is, s);
}

/* ---- decisions in words ------------------------------------------------------- */

static const char *
form_name(enum authorise_form form)
{
	return form == AUTHORISE_SIGNED ? "signed" : form == AUTHORISE_SAME_SUBJECT ? "same-subject" :
		form == AUTHORISE_AUTHORISED ? "authorised" : "password";
}

static void
say_questions(const struct authorise_decision *d, size_t line, struct buf *out)
{
	const char *between = "";

	if (d->ask & AUTHORISE_ASK_GROUPS) {
		buf_add_str(out, "groups");
		between = " ";
	}
	if (d->ask & AUTHORISE_ASK_INVENTORY) {
		buf_printf(out, "%sinventory", between);
		between = " ";
	}
	if (d->ask & AUTHORISE_ASK_PASSWORD) {
		buf_printf(out, "%spassword", between);
		between = " ";
	}
	if (d->ask & AUTHORISE_ASK_TRUST)
		buf_printf(out, "%strust %zu", between, d->ask_signer);
	if (d->line != line)
		buf_printf(out, " of %zu", d->line);
}

static void
say_decision(const struct authorise_decision *d, size_t line, bool taken, struct buf *out)
{
	static const char *const kinds[] = {"accept", "wait", "defer", "refuse"};

	if (d->same_as != AUTHORISE_NONE) {
		buf_printf(out, "same as %zu", d->same_as);
	} else if (d->ask != 0) {
		say_questions(d, line, out);
	} else if (d->kind == AUTHORISE_ACCEPT || d->kind == AUTHORISE_WAIT) {
		buf_printf(out, "%s %s@%zu", kinds[d->kind], form_name(d->form), d->issuer);
		if (d->signer != AUTHORISE_NONE && d->signer > 0)
			buf_printf(out, " signer %zu", d->signer);
		if (d->sender != AUTHORISE_NONE)
			buf_printf(out, " sender %zu", d->sender);
		if (d->kind == AUTHORISE_WAIT)
			buf_printf(out, " %s", d->code);
	} else if (taken) {
		buf_printf(out, "%s %s", kinds[d->kind], d->code);
	} else {
		buf_add_str(out, d->code);
	}
}

static void
say(enum authorise_whole whole, const struct authorise_decision *decisions, size_t count, struct buf *out)
{
	static const char *const wholes[] = {"ask", "defer", "take", "refuse"};

	buf_add_str(out, wholes[whole]);
	for (size_t i = 0; i < count; i++) {
		buf_add_str(out, i == 0 ? ": " : ", ");
		say_decision(&decisions[i], i, whole == AUTHORISE_WHOLE_TAKE, out);
	}
}

START_TEST(test_row)
{
	const struct row *row = &rows[_i];
	struct authorise_decision decisions[LINES];
	struct scene s;
	struct buf out;
	enum authorise_whole whole;

	make_scene(row, &s);
	whole = authorise(&s.block, &s.facts, decisions);
	buf_init(&out, 1000);
	say(whole, decisions, s.facts.line_count, &out);
	ck_assert_msg(strcmp(buf_str(&out), row->decision) == 0, "%s: %s, not %s", row->words, buf_str(&out), row->decision);
	buf_free(&out);
}
END_TEST

/* Whatever is refused or waits says why, in words of its own; what is accepted has nothing to say. */
START_TEST(test_words)
{
	struct authorise_decision decisions[LINES];
	struct scene s;

	make_scene(&rows[_i], &s);
	authorise(&s.block, &s.facts, decisions);
	for (size_t i = 0; i < s.facts.line_count; i++) {
		bool has_words = decisions[i].words != NULL && strlen(decisions[i].words) > 5;

		ck_assert(decisions[i].ask != 0 || has_words == (decisions[i].kind != AUTHORISE_ACCEPT));
	}
}
END_TEST

/* A wrong password, a number that nobody knows and a certificate without password: not one octet
 * of the decision differs, at any step. */
START_TEST(test_password_tells_nothing)
{
	static const unsigned steps[] = {INVENTORY_UNASKED | PASSWORD_UNASKED, PASSWORD_UNASKED, 0, AWAY, LATER};
	static const struct {
		unsigned char serial;
		const char *password;
		int twin;
	} wrong[] = {{JAN, "spatne", NO_TWIN}, {UNKNOWN_NUMBER, "spatne", NO_TWIN}, {NAME, "spatne", NO_TWIN},
		{JAN, "spatne", OTA_TWIN}};
	struct authorise_decision decision[4];

	for (size_t i = 0; i < 4; i++) {
		struct row row = {"", ICA, UNSIGNED, {{wrong[i].serial, wrong[i].password}}, steps[_i], wrong[i].twin, ""};
		struct scene s;

		memset(&decision[i], 0, sizeof decision[i]);
		make_scene(&row, &s);
		authorise(&s.block, &s.facts, &decision[i]);
		ck_assert_int_ne(decision[i].kind, AUTHORISE_ACCEPT);
		ck_assert_uint_eq(decision[i].ask, decision[0].ask);
		ck_assert_int_eq(decision[i].kind, decision[0].kind);
		ck_assert_uint_eq(decision[i].match, AUTHORISE_NONE);
		ck_assert_uint_eq(decision[i].issuer, AUTHORISE_NONE);
		ck_assert_ptr_eq(decision[i].code, decision[0].code);
		ck_assert_ptr_eq(decision[i].words, decision[0].words);
	}
}
END_TEST

/* ---- what must never be ------------------------------------------------------- */

/* Written from the rules anew, so that a row that is missing above is noticed. */
static void
assert_allowed(const struct row *row, const struct scene *s, const struct authorise_decision *d)
{
	unsigned but = row->signers[0].but;
	const struct inventory_entry *target = d->match == AUTHORISE_NONE ? NULL : s->lines[0].matches[d->match];

	ck_assert(row->forms & d->form);
	ck_assert_uint_lt(d->issuer, ISSUERS);
	ck_assert(d->signer == 0 && d->sender == AUTHORISE_NONE);
	ck_assert(!(but & (OUTSIDE | BROKEN)));
	if (d->kind == AUTHORISE_ACCEPT)
		ck_assert(!(but & (WEAK | TIMELESS | IS_OLD | BARELY_OLD | FUTURE | BARELY_FUTURE)));
	else
		ck_assert(but & (WEAK | TIMELESS | IS_OLD | BARELY_OLD | FUTURE | BARELY_FUTURE));
	if (d->form == AUTHORISE_SIGNED) {
		ck_assert(target == NULL && d->issuer == s->signers[0].issuer);
		ck_assert(holder_serial_equal(&s->signers[0].serial, &s->lines[0].serial));
		return;
	}
	ck_assert(!(but & (NO_USAGE | UNTRUSTED | CHAIN_UNKNOWN | REVOKED | STATUS_UNKNOWN | UNASKED | CHAIN_ONLY | STATUS_ONLY)));
	ck_assert(target != NULL && target->issuer == d->issuer && s->lines[0].match_count == 1);
	ck_assert(holder_serial_equal(&target->serial, &s->lines[0].serial));
	if (d->form == AUTHORISE_AUTHORISED)
		ck_assert_uint_ge(row->signers[0].who, CLERK);
	else
		ck_assert(holder_same_subject(&target->holder, s->signers[0].holder) && s->signers[0].issuer < ISSUERS);
}

static size_t
try_all_lines(struct row *row)
{
	size_t taken = 0;

	for (row->lines[0].serial = JAN; row->lines[0].serial <= 0x67; row->lines[0].serial++) {
		struct authorise_decision decision;
		struct scene s;
		enum authorise_whole whole;

		make_scene(row, &s);
		whole = authorise(&s.block, &s.facts, &decision);
		if (whole == AUTHORISE_WHOLE_TAKE)
			assert_allowed(row, &s, &decision);
		taken += whole == AUTHORISE_WHOLE_TAKE;
	}
	return taken;
}

/* Everybody, asking for everything in every form, with each thing wrong in turn. */
START_TEST(test_never)
{
	struct row row = {.words = "", .signers = {{(enum who)_i, 0}}};
	size_t taken = 0;

	for (row.forms = 0; row.forms <= ALL; row.forms++)
		for (row.twin = NO_TWIN; row.twin <= EVA_TWIN; row.twin++) {
			row.signers[0].but = 0;
			taken += try_all_lines(&row);
			for (unsigned but = OUTSIDE; but <= STATUS_ONLY; but <<= 1) {
				row.signers[0].but = but;
				taken += try_all_lines(&row);
			}
		}
	/* Nobody's certificate that is of another authority and not listed is worth anything. */
	ck_assert_int_eq(taken > 0, _i != STRANGER && _i != PAST_THE_LAST);
}
END_TEST

/* ---- the key of a request ----------------------------------------------------- */

static const struct row
	by_holder = {"", ICA, {{HOLDER, 0}}, {{JAN, NULL}}, 0, NO_TWIN, ""},
	by_holder_old = {"", ICA, {{HOLDER, IS_OLD}}, {{JAN, NULL}}, 0, NO_TWIN, ""},
	by_clerk = {"", ICA, {{CLERK, 0}}, {{JAN, NULL}, {EVA, NULL}}, 0, NO_TWIN, ""},
	by_twin = {"", ICA, {{TWIN, 0}}, {{JAN, NULL}}, 0, NO_TWIN, ""},
	by_password = {"", ICA, {{NO_ONE, 0}}, {{JAN, "tajne10"}}, 0, OTA_TWIN, ""},
	by_password_twin = {"", ICA, {{NO_ONE, 0}}, {{JAN, "twinstajne"}}, 0, OTA_TWIN, ""};

typedef void change(struct scene *s);

static void later(struct scene *s) { s->facts.received += HOUR; }
static void other_authority(struct scene *s) { s->block.name = slice_str("ica2"); }
static void other_signature(struct scene *s) { s->signers[0].signature[31] ^= 1; }
static void other_content(struct scene *s) { s->facts.content[31] ^= 1; }
static void shorter_name(struct scene *s) { s->block.name.len--; }
static void fewer_forms(struct scene *s) { s->block.forms &= AUTHORISE_SIGNED | AUTHORISE_AUTHORISED; }

static void
make_keys(const struct row *row, change *make, unsigned char keys[LINES][AUTHORISE_KEY])
{
	struct authorise_decision decisions[LINES];
	struct scene s;

	make_scene(row, &s);
	if (make != NULL)
		make(&s);
	ck_assert_int_eq(authorise(&s.block, &s.facts, decisions), AUTHORISE_WHOLE_TAKE);
	for (size_t i = 0; i < s.facts.line_count; i++)
		memcpy(keys[i], decisions[i].key, AUTHORISE_KEY);
}

static bool
same_key(const struct row *a, const struct row *b, change *make)
{
	unsigned char one[LINES][AUTHORISE_KEY], other[LINES][AUTHORISE_KEY];

	make_keys(a, NULL, one);
	make_keys(b, make, other);
	return memcmp(one[0], other[0], AUTHORISE_KEY) == 0;
}

START_TEST(test_key_of_the_same)
{
	ck_assert(same_key(&by_holder, &by_holder, NULL));
	ck_assert(same_key(&by_holder, &by_holder, later));
	ck_assert(same_key(&by_holder, &by_holder, fewer_forms));
	/* Another body of the same signature is none; nor does it matter that it waits. */
	ck_assert(same_key(&by_holder, &by_holder, other_content));
	ck_assert(same_key(&by_holder, &by_holder_old, NULL));
	ck_assert(same_key(&by_password, &by_password, later));
}
END_TEST

START_TEST(test_key_of_others)
{
	unsigned char keys[LINES][AUTHORISE_KEY];

	ck_assert(!same_key(&by_holder, &by_holder, other_authority));
	ck_assert(!same_key(&by_holder, &by_holder, shorter_name));
	ck_assert(!same_key(&by_holder, &by_holder, other_signature));
	ck_assert(!same_key(&by_holder, &by_twin, NULL));
	ck_assert(!same_key(&by_holder, &by_clerk, NULL));
	ck_assert(!same_key(&by_holder, &by_password, NULL));
	ck_assert(!same_key(&by_password, &by_password, other_content));
	ck_assert(!same_key(&by_password, &by_password_twin, NULL));
	make_keys(&by_clerk, NULL, keys);
	ck_assert(memcmp(keys[0], keys[1], AUTHORISE_KEY) != 0);
}
END_TEST

START_TEST(test_thousand_replays)
{
	unsigned char first[LINES][AUTHORISE_KEY], again[LINES][AUTHORISE_KEY];

	make_keys(&by_holder, NULL, first);
	for (int i = 0; i < 1000; i++) {
		make_keys(&by_holder, later, again);
		ck_assert_mem_eq(first[0], again[0], AUTHORISE_KEY);
	}
}
END_TEST

/* ---- limits ------------------------------------------------------------------- */

static void
ask_for_many(size_t count, enum authorise_whole want, const char *code)
{
	static struct authorise_line lines[AUTHORISE_LINES_MAX + 1];
	static struct authorise_decision decisions[AUTHORISE_LINES_MAX + 1];
	struct scene s;

	make_scene(&by_clerk, &s);
	for (size_t i = 0; i < count; i++) {
		lines[i] = (struct authorise_line){.inventory = AUTHORISE_INVENTORY_HERE};
		lines[i].serial.len = 2;
		lines[i].serial.octets[0] = 0x80;
		lines[i].serial.octets[1] = (unsigned char)i;
	}
	s.facts.lines = lines;
	s.facts.line_count = count;
	ck_assert_int_eq(authorise(&s.block, &s.facts, decisions), want);
	ck_assert_str_eq(decisions[0].code, code);
}

START_TEST(test_lines)
{
	ask_for_many(AUTHORISE_LINES_MAX, AUTHORISE_WHOLE_REFUSE, "unknown-serial");
	ask_for_many(AUTHORISE_LINES_MAX + 1, AUTHORISE_WHOLE_REFUSE, "limit");
}
END_TEST

/* What cannot be had any more is not asked for. */
START_TEST(test_refused_at_once)
{
	struct authorise_decision decisions[LINES];
	struct scene s;

	make_scene(&by_clerk, &s);
	s.lines[1].inventory = AUTHORISE_INVENTORY_ASK;
	ck_assert_int_eq(authorise(&s.block, &s.facts, decisions), AUTHORISE_WHOLE_ASK);
	s.lines[0].match_count = 0;
	ck_assert_int_eq(authorise(&s.block, &s.facts, decisions), AUTHORISE_WHOLE_REFUSE);
	ck_assert_str_eq(decisions[0].code, "unknown-serial");
	s.lines[0].inventory = AUTHORISE_INVENTORY_AWAY;
	ck_assert_int_eq(authorise(&s.block, &s.facts, decisions), AUTHORISE_WHOLE_ASK);
	s.lines[1].inventory = AUTHORISE_INVENTORY_HERE;
	ck_assert_int_eq(authorise(&s.block, &s.facts, decisions), AUTHORISE_WHOLE_DEFER);
}
END_TEST

/* The configured age counts, whatever it is. */
START_TEST(test_age)
{
	struct authorise_decision decision;
	struct scene s;

	make_scene(&by_holder, &s);
	s.block.request_age = HOUR;
	authorise(&s.block, &s.facts, &decision);
	ck_assert_int_eq(decision.kind, AUTHORISE_ACCEPT);
	s.block.request_age = HOUR - 1;
	authorise(&s.block, &s.facts, &decision);
	ck_assert_int_eq(decision.kind, AUTHORISE_WAIT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("authorise");
	TCase *c = tcase_create("rows"), *other = tcase_create("other");

	tcase_add_loop_test(c, test_row, 0, sizeof rows / sizeof rows[0]);
	tcase_add_loop_test(c, test_words, 0, sizeof rows / sizeof rows[0]);
	suite_add_tcase(s, c);
	tcase_add_loop_test(other, test_password_tells_nothing, 0, 5);
	tcase_set_timeout(other, 120);
	tcase_add_loop_test(other, test_never, HOLDER, CLERK_ALSO_IN_GROUP + 1);
	tcase_add_test(other, test_key_of_the_same);
	tcase_add_test(other, test_key_of_others);
	tcase_add_test(other, test_thousand_replays);
	tcase_add_test(other, test_lines);
	tcase_add_test(other, test_refused_at_once);
	tcase_add_test(other, test_age);
	suite_add_tcase(s, other);
	return unit_run(s);
}
