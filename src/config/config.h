/* config: the configuration file as one immutable, reference-counted struct.
 *
 * config_parse() reads a file in sealmilter.conf(5)'s syntax and checks all that
 * can be seen from the text alone (types, ranges, names that refer to nothing,
 * settings that defeat each other). It opens no other file and asks no server:
 * whoever needs a key or a directory says so itself.
 *
 * A struct config is never changed after it was made and may be read by all
 * threads. Each message takes a reference when it begins and keeps it to its
 * end, so a reload never changes the rules under a running message. Every
 * pointer in it is the config's own, never NULL where a text is said to be
 * always there; lists are counted arrays in the file's order.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/error.h"
#include "base/slice.h"
#include "mail/address.h"

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

/* Where the programs look when no -c is given. */
#define CONFIG_FILE SYSCONFDIR "/sealmilter.conf"

/* ---- small things -------------------------------------------------------- */

struct config_strings {
	char **item;
	size_t count;
};

/* A network in CIDR form. IPv4 is kept mapped into IPv6 (::ffff:a.b.c.d). */
struct config_network {
	struct in6_addr address;
	unsigned bits; /* of 128 that must be equal */
};

struct config_networks {
	struct config_network *item;
	size_t count;
};

/* Somebody who may sign what another is the author of. Two whole addresses. */
struct config_pair {
	char *sender; /* whose certificate and Sender field it is */
	char *from;   /* in the From field */
};

struct config_pairs {
	struct config_pair *item;
	size_t count;
};

/* Where a block stood in the file, for messages about it. */
struct config_place {
	unsigned line;
};

/* ---- listener ------------------------------------------------------------ */

#define CONFIG_LISTENERS_MAX 16 /* = BUDGET_SLOTS */

enum config_direction { DIRECTION_OUTBOUND, DIRECTION_INBOUND, DIRECTION_BY_RULE };
enum config_role { ROLE_WORK, ROLE_GUARD };

struct config_listener {
	char *name;   /* of this and every other block: never NULL, from 1 to 64 octets */
	char *socket; /* "unix:/path" or "inet:port@host" / "inet6:port@host", as libmilter takes it */
	mode_t mode;  /* of a unix socket; 0660 by default */
	char *group;  /* of a unix socket; NULL: as the process has it */
	enum config_direction direction;
	enum config_role role;
	struct config_place place;
};

/* ---- signer: a certificate with its private key -------------------------- */

#define CONFIG_SIGNERS_MAX 256

struct config_signer {
	char *name;
	char *key;              /* file: PEM, encrypted PEM or PKCS#12 */
	char *certificate;      /* PEM file, the certificate first, its chain after it; NULL with PKCS#12 */
	char *chain;            /* PEM file of further intermediates, or NULL */
	char *pass_phrase_file; /* or NULL; one trailing line end is dropped */
	struct config_place place;
};

/* ---- decryption key: what inbound mail is opened with ---------------------- */

#define CONFIG_DECRYPTIONS_MAX 256

/* Its files are those of a signer, so that one key_load() reads both; a signer and a
 * decryption key may have the same name, and the same key. */
struct config_decryption {
	struct config_signer files;       /* with the block's name and place */
	struct config_strings recipients; /* "for": each with "@" a whole address, else a domain; never empty */
};

/* ---- trust: whose signatures are believed ---------------------------------- */

#define CONFIG_TRUSTS_MAX 64
#define CONFIG_POLICIES_MAX 64 /* = CHAIN_POLICIES_MAX */
#define CONFIG_TRUST_ANCHORS "anchors" /* how recipient-trust and rules name the anchors at top level */

enum config_status { REVOCATION_PREFER, REVOCATION_REQUIRE, REVOCATION_OFF };

/* Speaks for a From address that senders or sender_domains names, and for all where
 * both are empty; and for recipients' certificates where recipient-trust, or a rule's, names it. */
struct config_trust {
	char *name;
	struct config_strings anchors;       /* PEM files; never empty */
	struct config_strings intermediates; /* PEM files */
	bool accept_absent_address;          /* absent-address = accept: a certificate need not hold any address */
	struct config_strings senders;       /* whole addresses */
	struct config_strings sender_domains;
	/* RFC 5280 6.1.1 */
	struct config_strings policies;      /* OIDs, up to CONFIG_POLICIES_MAX; empty: any */
	bool explicit_policy;
	bool inhibit_policy_mapping;
	bool inhibit_any_policy;
	enum config_status revocation;
	bool crl_first;                      /* revocation-order = crl-first */
	struct config_strings crls;          /* files and folders of lists */
	struct config_strings profiles;      /* names, built-in or of profile blocks; one of them is to be kept */
	bool profile_required;               /* profile-faults = refuse: who keeps none is not trusted */
	bool qualified_signatures;           /* qualified-services: its authorities issue such certificates */
	bool qualified_seals;                /* behind it, as both are filled from the list together */
	struct config_strings aia_hosts;     /* where missing intermediates may be fetched; empty: nowhere */
	struct config_place place;
};

/* ---- profile: what certificates must be like, in the words of profile blocks -------- */

#define CONFIG_PROFILES_MAX 64
#define CONFIG_PROFILE_RULES_MAX 64
#define CONFIG_PROFILE_WORDS_MAX 31 /* = PROFILE_WORDS_MAX - 1 */

enum config_severity { SEVERITY_ERROR, SEVERITY_NOTE };

struct config_profile_rule {
	char *id;
	enum config_severity severity;
	char *section;               /* where it comes from, or NULL */
	char *text;                  /* for people; NULL: its words */
	struct config_strings where; /* words; empty: everywhere */
	struct config_strings need;
	struct config_place place;
};

/* Whether its words are known is seen when it is put to use (pki/profile.h). */
struct config_profile {
	char *name;
	char *base;                       /* a built-in profile, or NULL */
	struct config_strings parameters; /* "common-name=CSOTE" */
	struct config_profile_rule *rules;
	size_t rule_count;
	struct config_place place;
};

/* ---- directory: where recipients' certificates come from ------------------ */

#define CONFIG_DIRECTORIES_MAX 64

enum config_directory_type { DIRECTORY_FILES, DIRECTORY_LDAP };

struct config_directory {
	char *name;
	enum config_directory_type type;
	bool binds_address; /* an entry for an address vouches for certificates without any address */
	char *path;         /* files: a folder of PEM and DER */
	/* ldap */
	struct config_strings uris; /* ldap:// ldaps:// ldapi://, tried in this order */
	bool start_tls;
	char *ca_file;       /* or NULL */
	char *bind_dn;       /* or NULL: anonymous */
	char *password_file; /* or NULL */
	char *base;
	char *filter;        /* %s: the whole address; %u local part; %d domain, each escaped */
	struct config_strings attributes;
	unsigned connections;        /* pool's size */
	unsigned network_timeout;    /* s */
	unsigned operation_timeout;  /* s */
	struct config_place place;
};

/* ---- rule ---------------------------------------------------------------- */

#define CONFIG_RULES_MAX 10000

enum config_form { FORM_CLEAR, FORM_OPAQUE };
enum config_digest { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };
enum config_rsa_signature { RSA_SIGNATURE_PKCS1, RSA_SIGNATURE_PSS };
enum config_encrypt { ENCRYPT_NEVER, ENCRYPT_WHEN_POSSIBLE, ENCRYPT_REQUIRED }; /* weakest first */
enum config_cipher { CIPHER_AES128_CBC, CIPHER_AES256_CBC, CIPHER_AES128_GCM, CIPHER_AES256_GCM };
enum config_rsa_transport { RSA_TRANSPORT_PKCS1, RSA_TRANSPORT_OAEP };
enum config_missing { MISSING_REFUSE_ALL, MISSING_REFUSE_RECIPIENT };
enum config_mixed { MIXED_STRICTEST, MIXED_REFUSE };
enum config_protected { PROTECTED_KEEP, PROTECTED_WRAP };
enum config_encrypt_to { ENCRYPT_TO_NEWEST, ENCRYPT_TO_ALL };

/* A rule says something about signing, about encrypting, or about both. For
 * each of the two, of the rules that match and say it, the most specific wins:
 * recipient, then recipient-domain, then sender, then sender-domain, then
 * none of these; the first in the file among equals. A rule with a trigger can
 * only strengthen what these give. Within one kind of condition any value
 * matches; all kinds that are given must match. */
struct config_rule {
	char *name;
	struct config_strings senders;           /* whole addresses */
	struct config_strings sender_domains;    /* "example.cz"; ".example.cz": also below it */
	struct config_strings recipients;
	struct config_strings recipient_domains;
	char *trigger_name;  /* header field, NULL: none */
	char *trigger_value; /* compared without letter case, trimmed; never NULL with a name */

	bool says_sign;
	char *signer;        /* the signer's name; NULL: sign = none */
	enum config_form form;
	enum config_digest digest;
	enum config_rsa_signature rsa_signature;
	enum config_protected already_protected;
	bool any_login;      /* an authenticated client may use any From of this rule */

	bool says_encrypt;
	enum config_encrypt encrypt;
	enum config_cipher cipher;
	enum config_rsa_transport rsa_transport;
	enum config_missing missing;
	enum config_encrypt_to encrypt_to;
	enum config_mixed mixed;
	bool accept_pgp;
	bool reveal_hidden;  /* hidden-recipients = reveal */
	struct config_strings trust; /* blocks that recipients' certificates may chain to; empty: recipient-trust */
	struct config_strings also_encrypt_to; /* files of archive certificates */
	struct config_place place;
};

/* ---- revocation: requests by mail to have certificates of one authority revoked ---- */

#define CONFIG_REVOCATIONS_MAX 64      /* = SCHEDULE_AUTHORITIES_MAX */
#define CONFIG_PHRASES_MAX 64          /* = PHRASES_ADDED_MAX */
#define CONFIG_ORGANISATIONS_MAX 1000
#define CONFIG_COMMAND_ARGUMENTS_MAX 64 /* = COMMAND_ARGUMENTS_MAX */
#define CONFIG_COMMAND_FILES_MAX 16    /* = COMMAND_FILES_MAX */
#define CONFIG_LANGUAGE_MAX 35         /* = PHRASE_LANGUAGE_MAX */
#define CONFIG_ENROLLED "enrolled"     /* how inventory names the store */
#define CONFIG_RETENTION_MIN 10        /* years (I.CA CP 5.5.2) */
#define CONFIG_NOTICE_ADDRESS_MAX 320  /* = NOTICES_ADDRESS_MAX */

/* How a request may be written besides the forms that are shipped (revocation/phrases.h). */
struct config_phrase {
	char *name;     /* of the block: the language where that is not given */
	char *language; /* or NULL */
	char *number;
	char *password; /* or NULL */
	struct config_place place;
};

/* An organisation, and who may speak for it. */
struct config_organisation {
	char *name;
	struct config_strings certificates;     /* PEM files, of persons */
	char *group;                            /* DN in the inventory's directory, whose members' certificates count; or NULL */
	struct config_strings unsigned_senders; /* addresses whose mail need not be signed where dkim=pass */
	char *organization_identifier;          /* X.520; or NULL */
	char *organization;                     /* or NULL */
	char *country;                          /* or NULL */
	bool by_name;                           /* match = name: organization and country will do where neither side has an identifier */
	struct config_place place;
};

enum config_reason { CONFIG_REASON_UNSPECIFIED, CONFIG_REASON_KEY_COMPROMISE, CONFIG_REASON_AFFILIATION_CHANGED,
	CONFIG_REASON_SUPERSEDED, CONFIG_REASON_CESSATION_OF_OPERATION }; /* RFC 5280 5.3.1 */

struct config_revocation {
	char *name;
	char *title;                       /* of the authority, in notices; NULL: name */
	char *address;                     /* where requests are sent */
	struct config_strings authorities; /* files, one certificate of the authority in each; never empty */
	/* Which forms are open, side by side as they are filled from one list. */
	bool form_signed;
	bool form_same_subject;
	bool form_authorised;
	bool form_password;
	struct config_strings trust;       /* trust blocks for same-subject and authorised; never empty with these */
	char *inventory;                   /* CONFIG_ENROLLED, or the name of an ldap directory */
	char *inventory_filter;            /* %n: the serial number in decimal */
	struct config_strings inventory_attributes; /* "password=sealRevocationPassword" */
	char *operator_address;            /* where the mail goes on to; NULL: to address */
	char *signer;                      /* whose seal notices have */
	char *notice_from;                 /* NULL: address */
	char *contact;                     /* whom notices name for questions; NULL: operator, or notice_from */
	unsigned request_age;              /* s from signing to receipt */
	bool approve_by_hand;
	enum config_reason reason;         /* that certificates are revoked with */
	struct config_strings command;     /* arguments; empty: a person carries it out */
	struct config_strings command_files; /* secrets that it needs */
	unsigned command_timeout;          /* s */
	bool command_idempotent;
	struct config_phrase *phrases;
	size_t phrase_count;
	struct config_organisation *organisations;
	size_t organisation_count;
	struct config_place place;
};

/* ---- the whole ------------------------------------------------------------ */

enum config_signature { SIGNATURE_KEEP, SIGNATURE_STRIP };
/* What is done with inbound mail at which something is wrong. "deliver" and "mark" are
 * one: it is delivered, and what is wrong is said. */
enum config_fault { FAULT_DELIVER, FAULT_REFUSE, FAULT_HOLD };

/* What decompression yields is held as content, canonical form, base64 and the edit's body. */
#define CONFIG_OPENED_MEMORY_FACTOR 4

struct config {
	char *path;           /* the file it came from */

	/* daemon */
	char *user;           /* gates run as this; NULL: unchanged */
	char *keeper_user;    /* keeper runs as this; NULL: unchanged */
	char *worker_user;    /* worker runs as this; NULL: unchanged */
	char *run_directory;  /* keeper's socket, pid file */
	int log_facility;     /* LOG_MAIL and so on */
	bool allow_old_openssl;
	bool allow_remote_mta;
	unsigned stop_timeout;      /* s */
	unsigned keeper_deadline;   /* ms that one key operation may take, retries included */
	unsigned rcpt_deadline;     /* s for all directory work of one RCPT */
	uint64_t memory_limit;      /* octets in flight, all gates together */
	uint64_t message_size_limit;/* octets of one message */

	/* hostile input */
	unsigned mime_depth_limit;  /* nested parts */
	unsigned mime_part_limit;
	unsigned header_limit;      /* octets of all header fields of a message */
	unsigned recipient_limit;

	/* who gets the seal */
	struct config_networks internal_networks;
	struct config_strings originating_daemons; /* empty: any */
	char *trace_key_file;       /* NULL: no trace field is written or looked for */
	char *sender_login_file;    /* NULL, or login -> addresses, see sealmilter.conf(5) */
	char *sender_login_directory; /* NULL, or the name of an ldap directory; asked after the file */
	char *sender_login_filter;  /* %l: the login, escaped; %s: the address */

	/* certificates */
	struct config_strings anchors;        /* PEM files that recipients' certificates must chain to */
	struct config_strings intermediates;  /* PEM files that help to build the chain */
	unsigned cache_positive;    /* s that a found certificate is remembered */
	unsigned cache_negative;    /* s that "none" is remembered */
	unsigned cache_size;        /* addresses */
	unsigned expiry_warning;    /* days before a seal certificate's end that it is warned of */
	struct config_strings recipient_trust; /* trust blocks for recipients' certificates, or "anchors"; empty: anchors */
	enum config_status anchors_revocation; /* of what chains to anchors */
	enum config_status seal_revocation; /* of the seal's own certificate */

	/* revocation status, and what is fetched because of a certificate */
	unsigned status_max_age;    /* s after which lists and answers are fetched again */
	char *status_directory;     /* where lists are kept; NULL: in memory only */
	uint64_t status_size_limit; /* octets of one list */
	uint64_t status_total_limit; /* octets of memory for all lists of URLs, in one process */
	bool ocsp_nonce;
	unsigned fetch_timeout;     /* s for one fetch, redirects included */
	unsigned status_timeout;    /* s that one message or recipient waits for status in all */
	unsigned fetch_limit;       /* fetches because of one message */
	unsigned redirect_limit;    /* of one fetch */
	unsigned waiting_limit;     /* sessions that wait for fetches at a time; others are not told now */
	struct config_networks fetch_networks; /* addresses that may be asked although they are internal */
	char *fetch_proxy;          /* "http://host:port", or NULL */
	char *fetch_ca_file;        /* authorities of https servers; NULL: the system's */

	/* inbound mail */
	struct config_strings inbound_domains; /* empty: nothing is opened or judged */
	char *authserv_id;          /* RFC 8601 2.5; NULL: the host's name */
	struct config_strings trusted_authres; /* authserv-ids whose fields are kept */
	enum config_signature signature;
	/* With decryption keys these three are equal, or answers would tell whether an altered
	 * ciphertext decrypts. */
	enum config_fault bad_signature;
	enum config_fault undecryptable;
	enum config_fault unauthenticated;
	bool accept_weak_signatures;    /* weak-signatures = accept: SHA-1, RSA below 2048 bits */
	bool accept_outside_signatures; /* signature-outside = accept: one around an encrypted layer counts */
	bool refuse_signed_twice;       /* signed-twice = policy: a signature around another is no pass */
	unsigned date_tolerance;        /* seconds from Date to the time of signing; 0: not compared */
	bool close_weak_ciphers;        /* weak-ciphers = close: 3DES stays closed */
	unsigned layer_limit;           /* of S/MIME within each other */
	unsigned signer_limit;          /* SignerInfos of one CMS value */
	unsigned certificate_limit;     /* certificates of one CMS value */
	unsigned cms_recipient_limit;   /* RecipientInfos of one CMS value */
	uint64_t opened_size_limit;     /* octets that decryption or decompression may yield; memory-limit is at
	                                 * least CONFIG_OPENED_MEMORY_FACTOR times that */
	struct config_pairs sender_may_sign_for;
	unsigned answer_interval;       /* ms; such answers come at a whole multiple of it; 0: at once */

	/* requests for revocation */
	char *inbox_directory;          /* gate's: requests that worker has not seen, and the count of guesses */
	char *journal_directory;        /* worker's: the journal */
	unsigned retention;             /* years that the journal keeps what has come to an end */
	char *notice_server;            /* "smtp://localhost:25" */
	unsigned notice_timeout;        /* s for handing one over */
	unsigned request_line_limit;    /* numbers in one mail */
	unsigned password_parallel;     /* checks of passwords at a time, in one process */
	unsigned password_cost_limit;   /* binary logarithm of scrypt's N, of a hash that is still looked at */
	unsigned guesses_per_certificate; /* wrong passwords without a delay */
	unsigned guesses_per_client;
	unsigned guesses_in_all;
	unsigned guess_delay_limit;     /* s, of one certificate or client */

	struct config_listener *listeners;
	size_t listener_count;
	struct config_signer *signers;
	size_t signer_count;
	struct config_decryption *decryptions;
	size_t decryption_count;
	struct config_trust *trusts;
	size_t trust_count;
	struct config_profile *profiles;
	size_t profile_count;
	struct config_directory *directories; /* asked in this order */
	size_t directory_count;
	struct config_rule *rules;
	size_t rule_count;
	struct config_revocation *revocations;
	size_t revocation_count;
};

/* Reads and checks the file. YES: *config is a new reference for the caller.
 * NO: err names file, line and what is wrong ("FILE:LINE: words"), and every further
 * problem has been given to report (may be NULL) as a line of its own; *config is
 * untouched. CANT_TELL: no memory. May be called in any thread; one parse runs at a
 * time, and report is called from within it. */
typedef void config_report(void *arg, const char *problem);
enum answer config_parse(const char *path, struct config **config, config_report *report, void *arg,
	struct error *err);

/* Threads: both may be called from any. */
struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* NULL is safe */

const struct config_signer *config_signer(const struct config *config, const char *name);
const struct config_decryption *config_decryption(const struct config *config, const char *name);
const struct config_directory *config_directory(const struct config *config, const char *name);

/* Is it one of these, letter for letter? */
bool config_strings_have(const struct config_strings *strings, const char *text);
/* Is the domain one of these? Each is "example.cz" or ".example.cz" (any below it). */
bool config_domain_among(struct slice domain, const struct config_strings *domains);
/* Does the key open mail to this recipient? */
bool config_decryption_covers(const struct config_decryption *decryption, const struct address *recipient);

/* IPv4 addresses are looked for in their mapped form too. */
bool config_network_contains(const struct config_networks *networks, const struct in6_addr *address);

/* The table of all options, for the test that holds it against the manual page
 * and the sample file, and for check-config's messages. Ends with name NULL. */
struct config_option {
	const char *block;   /* "" at top level, else "listener" and so on */
	const char *name;
	const char *values;  /* type or choices, as the manual page gives them */
	const char *initial; /* the default as text; NULL: none */
};
const struct config_option *config_options(void);

#endif
