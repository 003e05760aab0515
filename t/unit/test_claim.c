/* Mails to a revocation address: what gate finds, and that worker finds the same from what gate kept of it. */
#include "authority.h"
#include "unit.h"

#include "base/deadline.h"
#include "gateway/claim.h"
#include "gateway/state.h"
#include "mail/transfer.h"
#include "smime/algorithms.h"
#include "smime/encrypt.h"
#include "smime/sign.h"
#include "store/enrolments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW AUTHORITY_NOW
#define HOUR 3600L
#define ADDRESS "zneplatneni@ca.example"
#define PASSWORD "tajne1234"
#define POLICY "1.3.6.1.4.1.23624.10.1.30.1.1"
#define KEY "RSA:2048"      /* people's */
#define WEAK_KEY "RSA:1536"
#define LN 10               /* of passwords: cheap */

/* ---- certificates ----------------------------------------------------------------- */

static struct key_identity
	ca_old, ca_new,      /* the authority's */
	ca_other,            /* another one's */
	holder,              /* of the old one, with an address */
	twin,                /* of the new one, with the holder's number, of another subject */
	renewed,             /* of the new one, the holder's subject and policy */
	colleague,           /* of the new one, the same organisation */
	expired, revoked, weak,
	silent,              /* without an address */
	stranger,            /* of the other authority */
	forged,              /* of nobody, in the authority's name and with the holder's number */
	clerk,               /* of the other authority, and listed */
	key_of_ours;         /* that mail is encrypted to */

/* check's own assertions work only inside a test. */
static void
need(bool done)
{
	if (done)
		return;
	printf("Bail out! openssl\n");
	exit(1);
}

static void
add_entry(X509_NAME *name, const char *type, const char *value)
{
	if (value != NULL)
		need(X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0) == 1);
}

struct person {
	const char *name, *organisation_identifier, *address;
	const char *key;
	long serial;
	long end;            /* s from NOW; 0: in a year */
	const struct key_identity *issuer;
};

static struct key_identity
identity(const struct person *p)
{
	const char *kind = p->key != NULL ? p->key : p->issuer == NULL ? "P-256" : KEY;
	struct authority_wish wish = {.name = p->name, .key = kind, .ca = p->issuer == NULL,
		.issuer = p->issuer == NULL ? NULL : p->issuer->certificate, .policies = POLICY,
		.begin = p->end == 0 ? 0 : -30 * AUTHORITY_DAY, .end = p->end};
	X509_NAME *name = X509_NAME_new();
	char address[200];
	X509 *x509;

	snprintf(address, sizeof address, "email:%s", p->address == NULL ? "" : p->address);
	wish.alternative = p->address == NULL ? NULL : address;
	x509 = authority_issue(&wish);
	add_entry(name, "C", "CZ");
	add_entry(name, "O", p->organisation_identifier == NULL ? NULL : "Alfa");
	add_entry(name, "organizationIdentifier", p->organisation_identifier);
	add_entry(name, "CN", p->name);
	need(X509_set_subject_name(x509, name) == 1);
	X509_NAME_free(name);
	if (p->issuer == NULL)
		X509_set_issuer_name(x509, X509_get_subject_name(x509));
	if (p->serial != 0)
		ASN1_INTEGER_set(X509_get_serialNumber(x509), p->serial);
	need(X509_sign(x509, authority_key("P-256"), EVP_sha256()) > 0);
	return (struct key_identity){(char *)(uintptr_t)p->name, authority_key(kind), x509, sk_X509_new_null()};
}

static void
make_people(void)
{
	ca_old = identity(&(struct person){.name = "CA 2025"});
	ca_new = identity(&(struct person){.name = "CA 2026"});
	ca_other = identity(&(struct person){.name = "Other CA"});
	holder = identity(&(struct person){"Jan", "NTRCZ-1", "jan@alfa.example", NULL, 0x1001, 0, &ca_old});
	twin = identity(&(struct person){"Ota", "NTRCZ-2", "ota@beta.example", NULL, 0x1001, 0, &ca_new});
	renewed = identity(&(struct person){"Jan", "NTRCZ-1", "jan@alfa.example", NULL, 0x2002, 0, &ca_new});
	colleague = identity(&(struct person){"Eva", "NTRCZ-1", "eva@alfa.example", NULL, 0x2003, 0, &ca_new});
	expired = identity(&(struct person){"Petr", NULL, "petr@alfa.example", NULL, 0x1004, -HOUR, &ca_old});
	revoked = identity(&(struct person){"Pavel", NULL, "pavel@alfa.example", NULL, 0x1005, 0, &ca_old});
	weak = identity(&(struct person){"Slaba", NULL, "slaba@alfa.example", WEAK_KEY, 0x1006, 0, &ca_old});
	silent = identity(&(struct person){"Ticha", NULL, NULL, NULL, 0x1007, 0, &ca_old});
	stranger = identity(&(struct person){"Jan", "NTRCZ-1", "jan@alfa.example", NULL, 0x1001, 0, &ca_other});
	forged = identity(&(struct person){"Jan", "NTRCZ-1", "jan@alfa.example", NULL, 0x1001, 0, &ca_old});
	need(X509_sign(forged.certificate, authority_key(KEY), EVP_sha256()) > 0);
	clerk = identity(&(struct person){"Clerk", "NTRCZ-9", "clerk@law.example", NULL, 0x3001, 0, &ca_other});
	key_of_ours = identity(&(struct person){"Key", NULL, ADDRESS, NULL, 0x3002, 0, &ca_other});
	authority_write_pem(authority_path("old.pem"), ca_old.certificate, NULL, NULL);
	authority_write_pem(authority_path("new.pem"), ca_new.certificate, NULL, NULL);
	authority_write_pem(authority_path("other.pem"), ca_other.certificate, NULL, NULL);
	authority_write_pem(authority_path("clerk.pem"), clerk.certificate, NULL, NULL);
	authority_write_list(authority_path("old.crl"), ca_old.certificate, revoked.certificate, NULL);
	authority_write_list(authority_path("new.crl"), ca_new.certificate, NULL, NULL);
	authority_write_list(authority_path("other.crl"), ca_other.certificate, NULL, NULL);
}

/* ---- the gateway ------------------------------------------------------------------ */

static char paths[16][256];
static size_t path_count;

static char *
path(const char *name)
{
	char *p = paths[path_count++];

	snprintf(p, sizeof paths[0], "%s", authority_path(name));
	return p;
}

static char *anchors[2], *other_anchors[1], *lists[3], *other_lists[1], *authority_files[2], *clerk_files[1], *trust_names[2],
	*senders[1], *trusted_ids[1], *key_domains[1];
static struct config_trust trusts[2];
static struct config_organisation organisation;
static struct config_revocation blocks[2];
static struct config_decryption decryption;
static struct config config;
static struct key_identity *decryptions[1];
static struct gateway gateway;
static struct journal *journal;
static struct proof_key *for_gate, *for_worker;
static struct timespec deadline;
static struct claim_desk gate, worker;
static unsigned guesses, rights;
static bool may_guess;

static enum answer
guess(void *arg, const struct authority *authority, const struct holder_serial *serial, struct error *err)
{
	(void)arg;
	(void)authority;
	(void)serial;
	guesses++;
	return may_guess ? ANSWER_YES : error_cant_tell(err, "guesses", "too many guesses");
}

static void
guessed_right(void *arg, const struct authority *authority, const struct holder_serial *serial)
{
	(void)arg;
	(void)authority;
	(void)serial;
	rights++;
}

static void
configure(void)
{
	path_count = 0;
	trusted_ids[0] = (char *)(uintptr_t)"mx.ca.example";
	key_domains[0] = (char *)(uintptr_t)"ca.example";
	senders[0] = (char *)(uintptr_t)"urad@alfa.example";
	trust_names[0] = (char *)(uintptr_t)"own";
	trust_names[1] = (char *)(uintptr_t)"others";
	authority_files[0] = anchors[0] = path("old.pem");
	authority_files[1] = anchors[1] = path("new.pem");
	other_anchors[0] = path("other.pem");
	lists[0] = path("old.crl");
	lists[1] = path("new.crl");
	other_lists[0] = path("other.crl");
	clerk_files[0] = path("clerk.pem");
	trusts[0] = (struct config_trust){.name = trust_names[0], .anchors = {anchors, 2}, .crls = {lists, 2},
		.revocation = REVOCATION_REQUIRE};
	trusts[1] = (struct config_trust){.name = trust_names[1], .anchors = {other_anchors, 1}, .crls = {other_lists, 1},
		.revocation = REVOCATION_PREFER};
	organisation = (struct config_organisation){.name = (char *)(uintptr_t)"alfa", .certificates = {clerk_files, 1},
		.unsigned_senders = {senders, 1}, .organization_identifier = (char *)(uintptr_t)"NTRCZ-1"};
	blocks[0] = (struct config_revocation){.name = (char *)(uintptr_t)"ica", .address = (char *)(uintptr_t)ADDRESS,
		.authorities = {authority_files, 2}, .form_signed = true, .form_authorised = true, .form_password = true,
		.trust = {trust_names, 2}, .inventory = (char *)(uintptr_t)CONFIG_ENROLLED, .request_age = AUTHORISE_AGE,
		.organisations = &organisation, .organisation_count = 1};
	blocks[1] = (struct config_revocation){.name = (char *)(uintptr_t)"cesnet", .address = (char *)(uintptr_t)"revoke@ca.example",
		.authorities = {authority_files, 2}, .form_signed = true, .form_same_subject = true,
		.trust = {trust_names, 2}, .inventory = (char *)(uintptr_t)CONFIG_ENROLLED, .request_age = AUTHORISE_AGE};
	decryption = (struct config_decryption){.files = {.name = (char *)(uintptr_t)"mail"}, .recipients = {key_domains, 1}};
	config = (struct config){.mime_depth_limit = 100, .mime_part_limit = 1000, .layer_limit = 8, .signer_limit = 20,
		.certificate_limit = 50, .cms_recipient_limit = 50, .opened_size_limit = 16 << 20, .fetch_limit = 5,
		.status_timeout = 2, .status_size_limit = 1 << 20, .status_total_limit = 64 << 20, .request_line_limit = 3,
		.password_cost_limit = LN, .trusts = trusts, .trust_count = 2, .revocations = blocks, .revocation_count = 2,
		.decryptions = &decryption, .decryption_count = 1, .trusted_authres = {trusted_ids, 1},
		.rcpt_deadline = 2, .cache_size = 10};
}

static void
enrol(const char *block, const struct key_identity *who, const char *password, const char *contacts)
{
	static const unsigned char salt[PASSWORD_SALT] = {1};
	struct slice der = authority_der(who->certificate), issuer;
	unsigned char *name = NULL;
	struct password_hash hash;
	char text[PASSWORD_TEXT_MAX + 1] = "";
	struct holder_serial serial;
	struct error err = ERROR_NONE;
	struct cert *cert;

	ck_assert_int_eq(cert_parse(der, &cert, NULL), ANSWER_YES);
	ck_assert(holder_serial_of_cert(cert, &serial));
	cert_unref(cert);
	issuer = slice_of(NULL, (size_t)i2d_X509_NAME(X509_get_issuer_name(who->certificate), &name));
	issuer.data = name;
	if (password != NULL) {
		ck_assert_int_eq(password_make(slice_str(password), LN, salt, &hash, NULL), ANSWER_YES);
		password_write(&hash, text);
	}
	ck_assert_msg(enrolments_put(journal, &(struct enrolment){block, issuer, slice_of(serial.octets, serial.len), der, text,
		contacts, NOW, "test"}, &deadline, &err) == ANSWER_YES, "%s", err.words);
	OPENSSL_free(name);
	free((void *)(uintptr_t)der.data);
}

static void
open_gateway(void)
{
	struct error err = ERROR_NONE;

	ck_assert_msg(trusts_new(&config, &gateway.trusts, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(authorities_new(&config, &gateway.authorities, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(directories_new(&config, gateway.trusts, &gateway.directories, &err) == ANSWER_YES, "%s", err.words);
	decryptions[0] = &key_of_ours;
	gateway.config = &config;
	gateway.decryptions = decryptions;
}

static void
close_gateway(void)
{
	directories_free(gateway.directories);
	authorities_free(gateway.authorities);
	trusts_free(gateway.trusts);
}

static void
begin(void)
{
	struct error err = ERROR_NONE;

	ck_assert_int_eq(algorithms_load(&err), ANSWER_YES);
	configure();
	open_gateway();
	deadline = deadline_in(60000);
	ck_assert_msg(journal_open(authority_path("journal"), &journal, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(proof_key_open(authority_folder(), &for_worker, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(proof_key_open_public(authority_folder(), &for_gate, &err) == ANSWER_YES, "%s", err.words);
	gateway.passwords = password_work_new(2, LN, 2);
	gate = (struct claim_desk){.gateway = &gateway, .journal = journal, .proof = for_gate,
		.may_guess = guess, .guessed_right = guessed_right, .deadline = &deadline};
	worker = (struct claim_desk){.gateway = &gateway, .journal = journal, .proof = for_worker, .deadline = &deadline};
	may_guess = true;
	guesses = rights = 0;
	enrol("ica", &holder, PASSWORD, "dopis@alfa.example\n");
	enrol("ica", &twin, "jineheslo", "");
	enrol("ica", &colleague, NULL, "");
	enrol("ica", &silent, NULL, "ticha@alfa.example\n");
	enrol("cesnet", &holder, NULL, "");
	enrol("cesnet", &colleague, NULL, "");
}

static void
end(void)
{
	password_work_free(gateway.passwords);
	proof_key_free(for_gate);
	proof_key_free(for_worker);
	journal_close(journal);
	close_gateway();
	remove(authority_path("journal"));
	remove(authority_path("journal-wal"));
	remove(authority_path("journal-shm"));
}

/* ---- mails ------------------------------------------------------------------------ */

/* Entities in a buf each, which is handed from verb to verb and freed by the last. */
static struct buf
new_buf(void)
{
	struct buf b;

	buf_init(&b, 8 << 20);
	return b;
}

static struct buf
text_of(const char *type, const char *text)
{
	struct buf b = new_buf();

	buf_printf(&b, "Content-Type: %s; charset=us-ascii\r\n\r\n%s\r\n", type, text);
	return b;
}

#define SENTENCE "Zadam o zneplatneni certifikatu cislo = "

static const char *
asking(long serial)
{
	static char text[200];

	snprintf(text, sizeof text, SENTENCE "%ld", serial);
	return text;
}

static struct buf
ask(long serial)
{
	return text_of("text/plain", asking(serial));
}

static struct buf
ask_with(long serial, const char *password)
{
	char text[300];

	snprintf(text, sizeof text, "%s\r\nHeslo pro zneplatneni = %s", asking(serial), password);
	return text_of("text/plain", text);
}

static struct buf
as_cms(struct slice der, const char *type)
{
	struct buf b = new_buf();

	buf_printf(&b, "Content-Type: application/pkcs7-mime; smime-type=%s; name=smime.p7m\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n", type);
	transfer_base64(der, &b);
	return b;
}

static struct buf
sign_at(struct buf entity, const struct key_identity *who, time_t when)
{
	const struct sign_options options = {.detached = true, .now = when};
	static unsigned number;
	struct buf der = new_buf(), b = new_buf();
	struct error err = ERROR_NONE;

	ck_assert_msg(sign_entity(buf_slice(&entity), who, &options, &der, &err) == ANSWER_YES, "%s", err.words);
	number++;
	buf_printf(&b, "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=b%u\r\n\r\n"
		"--b%u\r\n", number, number);
	buf_add_slice(&b, buf_slice(&entity));
	buf_printf(&b, "\r\n--b%u\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n", number);
	transfer_base64(buf_slice(&der), &b);
	buf_printf(&b, "\r\n--b%u--\r\n", number);
	buf_free(&entity);
	buf_free(&der);
	return b;
}

static struct buf
sign(struct buf entity, const struct key_identity *who)
{
	return sign_at(entity, who, NOW - HOUR);
}

static struct buf
sign_opaque(struct buf entity, const struct key_identity *who)
{
	const struct sign_options options = {.now = NOW - HOUR};
	struct buf der = new_buf(), b;

	ck_assert_int_eq(sign_entity(buf_slice(&entity), who, &options, &der, NULL), ANSWER_YES);
	b = as_cms(buf_slice(&der), "signed-data");
	buf_free(&entity);
	buf_free(&der);
	return b;
}

static struct buf
encrypt(struct buf entity, enum config_cipher cipher)
{
	const struct encrypt_options options = {.cipher = cipher};
	struct error err = ERROR_NONE;
	struct buf der = new_buf(), b;
	struct cert *cert;

	ck_assert_int_eq(cert_from_x509(key_of_ours.certificate, &cert, NULL), ANSWER_YES);
	ck_assert_msg(encrypt_entity(buf_slice(&entity), &cert, 1, &options, &der, &err) == ANSWER_YES, "%s", err.words);
	b = as_cms(buf_slice(&der), cipher == CIPHER_AES256_GCM ? "authEnveloped-data" : "enveloped-data");
	cert_unref(cert);
	buf_free(&entity);
	buf_free(&der);
	return b;
}

/* Another octet in the place of the first that is from. */
static struct buf
altered(struct buf entity, const char *from, char to)
{
	char *at = memmem(entity.data, entity.len, from, strlen(from));

	ck_assert_ptr_nonnull(at);
	*at = to;
	return entity;
}

/* A ciphertext of which one of the last blocks is another. */
static struct buf
damaged(struct buf entity)
{
	size_t at = entity.len - 100;

	while (entity.data[at] <= ' ')
		at--;
	entity.data[at] = entity.data[at] == 'A' ? 'B' : 'A';
	return entity;
}

static struct buf
both(struct buf first, struct buf second)
{
	static unsigned number;
	struct buf b = new_buf();

	number++;
	buf_printf(&b, "Content-Type: multipart/mixed; boundary=m%u\r\n\r\n--m%u\r\n", number, number);
	buf_add_slice(&b, buf_slice(&first));
	buf_printf(&b, "\r\n--m%u\r\n", number);
	buf_add_slice(&b, buf_slice(&second));
	buf_printf(&b, "\r\n--m%u--\r\n", number);
	buf_free(&first);
	buf_free(&second);
	return b;
}

static struct buf
mixed_with(struct buf entity)
{
	return both(entity, text_of("text/plain", "list footer"));
}

/* ---- what is found ---------------------------------------------------------------- */

static const char *const from_jan = "From: Jan <jan@alfa.example>\r\nSubject: zneplatneni\r\nReceived: from a\r\n\tby b\r\n";

static struct message *
mail(const char *header, struct buf entity)
{
	struct message *m = message_new(8 << 20);
	struct buf file = new_buf();

	buf_add_str(&file, header);
	buf_add_slice(&file, buf_slice(&entity));
	ck_assert_int_eq(message_read(buf_slice(&file), m, NULL), ANSWER_YES);
	ck_assert(message_add_recipient(m, slice_str(ADDRESS)));
	buf_free(&file);
	buf_free(&entity);
	return m;
}

static const char *
form_name(enum authorise_form form)
{
	return form == AUTHORISE_SIGNED ? "signed" : form == AUTHORISE_SAME_SUBJECT ? "same-subject" :
		form == AUTHORISE_AUTHORISED ? "authorised" : "password";
}

static void
say_line(const struct claim *claim, const struct claim_line *line, struct buf *out)
{
	buf_printf(out, " %s@%zu", form_name(line->form), line->issuer_number);
	if (line->waits)
		buf_printf(out, " waits %s", claim->reason.code);
}

static const char *
say(const struct claim *claim, struct buf *out)
{
	buf_clear(out);
	if (claim->answer == ANSWER_YES)
		buf_add_str(out, "yes");
	else
		buf_printf(out, "%s %s%s", claim->answer == ANSWER_NO ? "no" : "later", claim->reason.code,
			claim->unreadable ? " unreadable" : "");
	for (size_t i = 0; claim->answer == ANSWER_YES && i < claim->line_count; i++)
		say_line(claim, &claim->lines[i], out);
	return buf_str(out);
}

/* What gate puts into the inbox for a line. */
struct handed {
	struct record record;
	struct buf evidence, proof;
	unsigned char key[RECORD_DIGEST], mail[RECORD_DIGEST], serial[HOLDER_SERIAL_MAX];
};

static void
hand_on(const struct claim *claim, size_t line, struct handed *h)
{
	const struct claim_line *l = &claim->lines[line];

	*h = (struct handed){.evidence = new_buf(), .proof = new_buf()};
	memcpy(h->key, l->key, sizeof h->key);
	memcpy(h->mail, claim->mail_digest, sizeof h->mail);
	memcpy(h->serial, l->serial.octets, l->serial.len);
	buf_add_slice(&h->evidence, buf_slice(&claim->evidence));
	h->record = (struct record){.authority = claim->authority->config->name, .serial = slice_of(h->serial, l->serial.len),
		.digest = slice_of(h->key, sizeof h->key), .issuer = l->issuer, .form = "signed", .message_id = "",
		.mail_digest = slice_of(h->mail, sizeof h->mail), .queue_id = "q", .client = "192.0.2.1",
		.language = l->language, .reason = "", .evidence = buf_slice(&h->evidence), .received = NOW};
	ck_assert_int_eq(claim_seal_password(&gate, l, &h->record, &h->proof, NULL), ANSWER_YES);
	ck_assert_int_eq(record_check(&h->record, NULL), ANSWER_YES);
}

static void
handed_free(struct handed *h)
{
	buf_free(&h->evidence);
	buf_free(&h->proof);
}

static const char *
judged(const struct handed *h, struct buf *out)
{
	struct claim claim;

	claim_record(&worker, authorities_named(gateway.authorities, h->record.authority), &h->record, buf_slice(&h->proof), NOW,
		&claim);
	say(&claim, out);
	claim_free(&claim);
	return buf_str(out);
}

/* Each line of what was taken, judged anew by who has nothing but the record. */
static void
assert_same_again(const struct claim *claim)
{
	struct buf want = new_buf(), got = new_buf();

	for (size_t i = 0; i < claim->line_count; i++) {
		struct handed h;

		buf_clear(&want);
		buf_add_str(&want, "yes");
		say_line(claim, &claim->lines[i], &want);
		hand_on(claim, i, &h);
		ck_assert_str_eq(judged(&h, &got), buf_str(&want));
		handed_free(&h);
	}
	buf_free(&want);
	buf_free(&got);
}

static const struct gateway_entry entry = {.direction = DIRECTION_INBOUND, .role = ROLE_WORK, .listener = "in"};

static void
claim_of(const char *block, const struct message *m, struct claim *claim)
{
	claim_mail(&gate, authorities_named(gateway.authorities, block), &entry, m, NULL, NOW, claim);
}

static const char *
found_in(const char *block, const char *header, struct buf entity)
{
	static char text[2000];
	struct message *m = mail(header, entity);
	struct buf out = new_buf();
	struct claim claim;

	claim_of(block, m, &claim);
	snprintf(text, sizeof text, "%s", say(&claim, &out));
	if (claim.answer == ANSWER_YES)
		assert_same_again(&claim);
	claim_free(&claim);
	message_free(m);
	buf_free(&out);
	return text;
}

static const char *
found(struct buf entity)
{
	return found_in("ica", from_jan, entity);
}

/* ---- signed with the key itself ---------------------------------------------------- */

START_TEST(the_holder_signs)
{
	ck_assert_str_eq(found(sign(ask(0x1001), &holder)), "yes signed@0");
	ck_assert_str_eq(found(sign_opaque(ask(0x1001), &holder)), "yes signed@0");
	ck_assert_str_eq(found(sign(sign(ask(0x1001), &holder), &stranger)), "yes signed@0");
	ck_assert_str_eq(found(sign(ask(0x1001), &twin)), "yes signed@1");
	ck_assert_str_eq(found(sign(ask(0x2002), &renewed)), "yes signed@1"); /* nobody has enrolled it */
	ck_assert_str_eq(found(sign(mixed_with(ask(0x1001)), &holder)), "yes signed@0");
}
END_TEST

START_TEST(standing_does_not_matter_to_the_holder)
{
	worker.journal = gate.journal = NULL;
	ck_assert_str_eq(found(sign(ask(0x1005), &revoked)), "yes signed@0");
	ck_assert_str_eq(found(sign_at(ask(0x1004), &expired, NOW - 2 * HOUR)), "yes signed@0");
	trusts[0].crls.count = trusts[1].crls.count = 0;
	close_gateway();
	open_gateway();
	ck_assert_str_eq(found(sign(ask(0x1001), &holder)), "yes signed@0");
}
END_TEST

START_TEST(others_do_not_sign_for_him)
{
	ck_assert_str_eq(found(sign(ask(0x1001), &stranger)), "no other-authority");
	ck_assert_str_eq(found(sign(ask(0x1001), &forged)), "no other-authority");
	ck_assert_str_eq(found(sign(ask(0x1001), &colleague)), "no other-certificate");
	ck_assert_str_eq(found(sign(ask(0x2003), &holder)), "no other-certificate");
	ck_assert_str_eq(found(altered(sign(ask(0x1001), &holder), "4097", '5')), "no bad-signature");
	ck_assert_str_eq(found(ask(0x1001)), "no unsigned");
	ck_assert_str_eq(found(mixed_with(sign(ask(0x1001), &holder))), "no bad-signature");
	ck_assert_str_eq(found(both(ask(0x1001), sign(text_of("text/plain", "Dobry den"), &holder))), "no bad-signature");
}
END_TEST

START_TEST(a_signature_around_an_envelope_covers_nothing)
{
	ck_assert_str_eq(found(sign(encrypt(ask(0x1001), CIPHER_AES256_GCM), &holder)), "no not-covered");
	ck_assert_str_eq(found(encrypt(sign(ask(0x1001), &holder), CIPHER_AES256_GCM)), "yes signed@0");
	ck_assert_str_eq(found(sign(encrypt(sign(ask(0x1001), &holder), CIPHER_AES256_GCM), &colleague)), "yes signed@0");
}
END_TEST

START_TEST(what_may_be_an_old_mail_waits)
{
	ck_assert_str_eq(found(sign_at(ask(0x1001), &holder, NOW - 73 * HOUR)), "yes signed@0 waits signing-time-old");
	ck_assert_str_eq(found(sign_at(ask(0x1001), &holder, NOW + HOUR)), "yes signed@0 waits signing-time-future");
	ck_assert_str_eq(found(sign(ask(0x1006), &weak)), "yes signed@0 waits weak-signature");
}
END_TEST

START_TEST(what_is_quoted_is_no_request)
{
	char text[300];

	snprintf(text, sizeof text, "Dobry den,\r\nto jsem nepsal.\r\n\r\n> %s\r\n", asking(0x1001));
	ck_assert_str_eq(found(sign(text_of("text/plain", text), &holder)), "no request-only-in-quote unreadable");
}
END_TEST

START_TEST(one_mail_asks_for_one)
{
	char text[600];

	snprintf(text, sizeof text, SENTENCE "%d\r\n" SENTENCE "%d", 0x1001, 0x2003);
	ck_assert_str_eq(found(sign(text_of("text/plain", text), &holder)), "no several");
	snprintf(text, sizeof text, SENTENCE "%d\r\n" SENTENCE "0x1001", 0x1001);
	ck_assert_str_eq(found(sign(text_of("text/plain", text), &holder)), "yes signed@0");
}
END_TEST

/* ---- with the password -------------------------------------------------------------- */

START_TEST(a_password_is_enough)
{
	ck_assert_str_eq(found(ask_with(0x1001, PASSWORD)), "yes password@0");
	ck_assert_str_eq(found(ask_with(0x1001, "jineheslo")), "yes password@1"); /* whose hash matches */
	ck_assert_uint_eq(guesses, 2);
	ck_assert_uint_eq(rights, 2);
	ck_assert_str_eq(found(ask_with(0x1001, "spatne12")), "no password");
	ck_assert_str_eq(found(ask_with(0x7777, PASSWORD)), "no password");
	ck_assert_str_eq(found(ask_with(0x2003, PASSWORD)), "no password");
	ck_assert_uint_eq(guesses, 5);
	ck_assert_uint_eq(rights, 2);
	ck_assert_str_eq(found_in("cesnet", from_jan, ask_with(0x1001, PASSWORD)), "no form-closed");
	ck_assert_uint_eq(guesses, 5);
}
END_TEST

/* What scrypt has computed for the refusal, and the words of it. */
static uint64_t
cost_of_refusal(long serial, const char *password, struct buf *words)
{
	struct message *m = mail(from_jan, ask_with(serial, password));
	struct password_usage before, after;
	struct claim claim;

	password_work_usage(gateway.passwords, &before);
	claim_of("ica", m, &claim);
	password_work_usage(gateway.passwords, &after);
	ck_assert_int_eq(claim.answer, ANSWER_NO);
	buf_clear(words);
	buf_printf(words, "%d %s %s", claim.unreadable, claim.reason.code, claim.reason.words);
	claim_free(&claim);
	message_free(m);
	return after.cost - before.cost;
}

START_TEST(an_unknown_number_looks_and_costs_as_a_wrong_password)
{
	struct buf wrong = new_buf(), words = new_buf();
	uint64_t cost = cost_of_refusal(0x1001, "spatne12", &wrong);

	ck_assert_uint_gt(cost, 0);
	/* Nobody's, and one's that has no password. */
	ck_assert_uint_eq(cost_of_refusal(0x7777, "spatne12", &words), cost);
	ck_assert_str_eq(buf_str(&words), buf_str(&wrong));
	ck_assert_uint_eq(cost_of_refusal(0x2003, "spatne12", &words), cost);
	ck_assert_str_eq(buf_str(&words), buf_str(&wrong));
	buf_free(&wrong);
	buf_free(&words);
}
END_TEST

START_TEST(a_signature_neither_helps_nor_harms_a_password)
{
	ck_assert_str_eq(found(sign(ask_with(0x1001, PASSWORD), &stranger)), "yes password@0");
	ck_assert_str_eq(found(altered(sign(ask_with(0x1001, PASSWORD), &stranger), "charset", 'C')), "yes password@0");
	ck_assert_str_eq(found(altered(sign(ask_with(0x1001, PASSWORD), &holder), "charset", 'C')), "yes password@0");
	ck_assert_str_eq(found(mixed_with(sign(ask_with(0x1001, PASSWORD), &stranger))), "yes password@0");
	ck_assert_str_eq(found(encrypt(ask_with(0x1001, PASSWORD), CIPHER_AES256_GCM)), "yes password@0");
	ck_assert_str_eq(found(sign(encrypt(ask_with(0x1001, PASSWORD), CIPHER_AES256_GCM), &stranger)), "yes password@0");
	ck_assert_str_eq(found(sign(ask_with(0x1001, "spatne12"), &stranger)), "no password");
}
END_TEST

START_TEST(under_attack_the_holders_signature_passes)
{
	may_guess = false;
	ck_assert_str_eq(found(ask_with(0x1001, PASSWORD)), "later password-later");
	ck_assert_str_eq(found(ask_with(0x7777, PASSWORD)), "later password-later");
	ck_assert_str_eq(found(sign(ask_with(0x1001, "spatne12"), &holder)), "yes signed@0");
	ck_assert_uint_eq(rights, 0);
}
END_TEST

START_TEST(a_journal_that_is_away_defers_a_password)
{
	gate.journal = NULL;
	ck_assert_str_eq(found(ask_with(0x1001, PASSWORD)), "later inventory");
	ck_assert_str_eq(found(ask_with(0x7777, PASSWORD)), "later inventory");
	ck_assert_uint_eq(guesses, 0);
}
END_TEST

/* What lies in the inbox and the journal holds no password that anybody but worker can read. */
START_TEST(no_password_lies_anywhere_in_clear)
{
	struct message *m = mail(from_jan, sign(ask_with(0x1001, PASSWORD "x"), &holder));
	struct buf out = new_buf();
	struct handed h;
	struct claim claim;

	claim_of("ica", m, &claim);
	ck_assert_str_eq(say(&claim, &out), "yes signed@0");
	ck_assert_uint_eq(claim.lines[0].password.len, 0);
	ck_assert(proof_is_sealed(buf_slice(&claim.evidence)));
	ck_assert_ptr_null(memmem(claim.evidence.data, claim.evidence.len, PASSWORD, strlen(PASSWORD)));
	assert_same_again(&claim);
	hand_on(&claim, 0, &h);
	ck_assert_uint_eq(h.proof.len, 0);
	/* It was sealed for this mail. */
	h.mail[0] ^= 1;
	ck_assert_str_eq(judged(&h, &out), "no proof");
	handed_free(&h);
	claim_free(&claim);
	message_free(m);

	m = mail(from_jan, ask_with(0x1001, PASSWORD));
	claim_of("ica", m, &claim);
	unit_assert_slice_str(claim.lines[0].password, PASSWORD);
	ck_assert_uint_eq(claim.evidence.len, 0);
	claim_free(&claim);
	message_free(m);
	gate.proof = NULL;
	ck_assert_str_eq(found(sign(ask_with(0x1001, PASSWORD "x"), &holder)), "later proof");
	buf_free(&out);
}
END_TEST

/* What else may be signed along with a request, and whether its evidence is sealed. */
static const struct {
	const char *type, *text;
	bool sealed;
} companions[] = {
	{"text/plain", "S pozdravem\r\nJan", false},
	{"text/plain", "> Dobry den,\r\n> Heslo pro zneplatneni = tajne1234", true},
	{"text/plain", "-- \r\nHeslo pro zneplatneni = tajne1234", true},
	{"text/plain; name=stary.txt", "Heslo pro zneplatneni = tajne1234", true},
	{"text/html; name=stary.html", "<p>Heslo pro zneplatn&ecaron;n&iacute; = tajne1234", true},
	{"text/html; name=stary.html", "<p>Dobry den", false},
	{"text/calendar; name=a.ics; charset=x-unknown", "x", true},
	{"message/rfc822", "Subject: stary\r\n\r\nHeslo pro zneplatneni = tajne1234", true},
	{"image/png", "x", false},
};

START_TEST(a_password_that_comes_along_is_sealed_too)
{
	struct message *m = mail(from_jan, sign(both(ask(0x1001), text_of(companions[_i].type, companions[_i].text)), &holder));
	struct buf out = new_buf();
	struct claim claim;

	claim_of("ica", m, &claim);
	ck_assert_str_eq(say(&claim, &out), "yes signed@0");
	ck_assert_int_eq(proof_is_sealed(buf_slice(&claim.evidence)), companions[_i].sealed);
	assert_same_again(&claim);
	claim_free(&claim);
	message_free(m);
	buf_free(&out);
}
END_TEST

/* ---- authorised, same subject --------------------------------------------------------- */

static struct buf
ask_for_two(long first, long second)
{
	char text[600];

	snprintf(text, sizeof text, SENTENCE "%ld\r\n" SENTENCE "%ld", first, second);
	return text_of("text/plain", text);
}

START_TEST(a_clerk_speaks_for_the_organisation)
{
	char text[900];

	enrol("ica", &renewed, NULL, "");
	ck_assert_str_eq(found(sign(ask(0x2003), &clerk)), "yes authorised@1");
	ck_assert_str_eq(found(sign(ask_for_two(0x2003, 0x2002), &clerk)), "yes authorised@1 authorised@1");
	ck_assert_str_eq(found(sign(ask_for_two(0x2003, 0x7777), &clerk)), "no unknown-serial");
	ck_assert_str_eq(found(sign(ask(0x1001), &clerk)), "no ambiguous"); /* at two issuers */
	ck_assert_str_eq(found(sign(ask(0x1007), &clerk)), "no other-organisation");
	ck_assert_str_eq(found(sign_at(ask(0x2003), &clerk, NOW - 80 * HOUR)), "yes authorised@1 waits signing-time-old");
	ck_assert_str_eq(found(sign(ask(0x2003), &colleague)), "yes signed@1");
	snprintf(text, sizeof text, SENTENCE "1\r\n" SENTENCE "2\r\n" SENTENCE "3\r\n" SENTENCE "4");
	ck_assert_str_eq(found(sign(text_of("text/plain", text), &clerk)), "no request-line-limit unreadable");
}
END_TEST

START_TEST(of_several_the_one_that_is_refused_is_named)
{
	struct message *m = mail(from_jan, sign(ask_for_two(0x2003, 0x7777), &clerk));
	struct claim claim;

	claim_of("ica", m, &claim);
	ck_assert_str_eq(claim.reason.words, "certificate 30583: no certificate with this serial number is known");
	claim_free(&claim);
	message_free(m);
}
END_TEST

START_TEST(another_certificate_of_the_subject_will_do)
{
	ck_assert_str_eq(found_in("cesnet", from_jan, sign(ask(0x1001), &renewed)), "yes same-subject@0");
	ck_assert_str_eq(found_in("cesnet", from_jan, sign(ask(0x2003), &renewed)), "no other-subject");
	ck_assert_str_eq(found_in("cesnet", from_jan, sign(ask(0x1001), &holder)), "yes signed@0");
	enrol("cesnet", &twin, NULL, "");
	ck_assert_str_eq(found_in("cesnet", from_jan, sign(ask(0x1001), &renewed)), "no ambiguous");
}
END_TEST

/* Whose status cannot be told comes again; whose certificate was revoked does not. */
START_TEST(standing_matters_to_others)
{
	struct buf out = new_buf();
	struct message *m;
	struct claim claim;

	trusts[0].crls.count = trusts[1].crls.count = 0;
	close_gateway();
	open_gateway();
	ck_assert_str_eq(found(sign(ask(0x2003), &clerk)), "later status-unknown");
	ck_assert_str_eq(found_in("cesnet", from_jan, sign(ask(0x1001), &renewed)), "later status-unknown");
	ck_assert_str_eq(found(sign(ask(0x1001), &holder)), "yes signed@0");
	trusts[0].crls.count = trusts[1].crls.count = 1;
	authority_write_list(authority_path("other.crl"), ca_other.certificate, clerk.certificate, NULL);
	close_gateway();
	open_gateway();
	ck_assert_str_eq(found(sign(ask(0x2003), &clerk)), "no revoked");
	authority_write_list(authority_path("other.crl"), ca_other.certificate, NULL, NULL);
	/* A year and a half later its certificate is over. */
	m = mail(from_jan, sign(ask(0x2003), &clerk));
	claim_mail(&gate, authorities_named(gateway.authorities, "ica"), &entry, m, NULL, NOW + 540 * 24 * HOUR, &claim);
	ck_assert_str_eq(say(&claim, &out), "no untrusted");
	claim_free(&claim);
	message_free(m);
	buf_free(&out);
	blocks[0].trust.count = 1;
	close_gateway();
	open_gateway();
	ck_assert_str_eq(found(sign(ask(0x2003), &clerk)), "no untrusted");
}
END_TEST

/* ---- unsigned ----------------------------------------------------------------------- */

#define OFFICE "From: urad@alfa.example\r\n"
#define AR "Authentication-Results: "

/* CLAIM_DKIM_MAX less one. */
#define OTHER "dkim=pass header.d=b.example; "
#define OTHERS_3 OTHER OTHER OTHER
#define OTHERS_15 OTHERS_3 OTHERS_3 OTHERS_3 OTHERS_3 OTHERS_3
#define OTHERS_63 OTHERS_15 OTHERS_15 OTHERS_15 OTHERS_15 OTHERS_3

static const struct {
	const char *header, *found;
} unsigned_mails[] = {
	{AR "mx.ca.example; dkim=pass header.d=alfa.example\r\n" OFFICE, "yes authorised@1"},
	{AR "MX.CA.example 1; spf=none; dkim=pass (good) header.i=@alfa.example header.d=ALFA.example header.b=a/b=\r\n" OFFICE,
		"yes authorised@1"},
	{AR "mx.ca.example; dkim=pass header.d=list.example; dkim=pass header.d=alfa.example\r\n" OFFICE, "yes authorised@1"},
	{AR "mx.ca.example; spf=pass\r\n" AR "mx.ca.example; dkim=pass header.d=alfa.example\r\n" OFFICE, "yes authorised@1"},
	{AR "mx.ca.example; " OTHERS_63 "dkim=pass header.d=alfa.example\r\n" OFFICE, "yes authorised@1"},
	{AR "mx.ca.example; " OTHERS_63 "dkim=pass header.d=b.example; dkim=pass header.d=alfa.example\r\n" OFFICE, "no no-dkim"},
	{OFFICE, "no no-dkim"},
	{AR "mx.ca.example; dkim=fail header.d=alfa.example\r\n" OFFICE, "no no-dkim"},
	{AR "mx.ca.example; dkim=pass header.d=mail.alfa.example\r\n" OFFICE, "no no-dkim"},
	{AR "mx.ca.example; dkim=pass header.i=@alfa.example\r\n" OFFICE, "no no-dkim"},
	{AR "mx.ca.example; dkim=pass header.d=alfa.example header.d=b.example\r\n" OFFICE, "no no-dkim"},
	{AR "mx.ca.example; spf=pass header.d=alfa.example\r\n" OFFICE, "no no-dkim"},
	{AR "mx.ca.example; dkim=none (dkim=pass header.d=alfa.example)\r\n" OFFICE, "no no-dkim"},
	{AR "other.example; dkim=pass header.d=alfa.example\r\n" OFFICE, "no no-dkim"},
	{AR "(mx.ca.example) other.example; dkim=pass header.d=alfa.example\r\n" OFFICE, "no no-dkim"},
	{AR "mx.ca.example other.example; dkim=pass header.d=alfa.example\r\n" OFFICE, "no no-dkim"},
	{AR "mx.ca.example; dkim=none\r\n" AR "mx.ca.example; dkim=pass header.d=alfa.example\r\n" OFFICE, "no no-dkim"},
	{AR "mx.ca.example; dkim=pass header.d=alfa.example\r\n" OFFICE OFFICE, "no unsigned"},
	{AR "mx.ca.example; dkim=pass header.d=alfa.example\r\nFrom: urad@alfa.example, b@alfa.example\r\n", "no unsigned"},
	{AR "mx.ca.example; dkim=pass header.d=alfa.example\r\nFrom: nekdo@alfa.example\r\n", "no unsigned"},
	{"X-" AR "mx.ca.example; dkim=pass header.d=alfa.example\r\n" OFFICE, "no no-dkim"},
};

START_TEST(named_senders_need_dkim_of_their_domain)
{
	ck_assert_str_eq(found_in("ica", unsigned_mails[_i].header, ask(0x2003)), unsigned_mails[_i].found);
}
END_TEST

START_TEST(what_is_signed_is_not_unsigned)
{
	const char *header = unsigned_mails[0].header;

	ck_assert_str_eq(found_in("ica", header, sign(ask(0x2003), &stranger)), "no other-authority");
	ck_assert_str_eq(found_in("ica", header, mixed_with(sign(ask(0x2003), &stranger))), "no bad-signature");
	ck_assert_str_eq(found_in("ica", header, both(ask(0x2003), sign_opaque(ask(0x2003), &stranger))), "no bad-signature");
	ck_assert_str_eq(found_in("ica", header, mixed_with(ask(0x2003))), "yes authorised@1");
	ck_assert_str_eq(found_in("ica", header, ask(0x1007)), "no other-organisation");
	ck_assert_str_eq(found_in("ica", header, ask_with(0x2003, "spatne12")), "yes authorised@1");
	organisation.unsigned_senders.count = 0;
	close_gateway();
	open_gateway();
	ck_assert_str_eq(found_in("ica", header, ask(0x2003)), "no unsigned");
}
END_TEST

/* ---- what may have been altered ------------------------------------------------------- */

#define MALLEABLE "no request-not-opened unreadable"

/* Whatever became of an envelope in CBC mode, each refusal is one and the same. */
START_TEST(an_envelope_without_authentication_tells_nothing)
{
	struct message *m;
	struct claim claim;

	ck_assert_str_eq(found(encrypt(sign(ask(0x1001), &holder), CIPHER_AES256_CBC)), "yes signed@0");
	ck_assert_str_eq(found(encrypt(sign(ask_with(0x1001, PASSWORD), &stranger), CIPHER_AES256_CBC)), "yes password@0");
	ck_assert_str_eq(found(encrypt(sign(ask(0x1001), &colleague), CIPHER_AES256_CBC)), MALLEABLE);
	ck_assert_str_eq(found(encrypt(sign(text_of("text/plain", "nic"), &holder), CIPHER_AES256_CBC)), MALLEABLE);
	ck_assert_str_eq(found(encrypt(altered(sign(ask(0x1001), &holder), "4097", '5'), CIPHER_AES256_CBC)), MALLEABLE);
	ck_assert_str_eq(found(sign(encrypt(ask(0x1001), CIPHER_AES256_CBC), &holder)), MALLEABLE);
	guesses = 0;
	ck_assert_str_eq(found(encrypt(ask_with(0x1001, PASSWORD), CIPHER_AES256_CBC)), MALLEABLE);
	ck_assert_str_eq(found(encrypt(ask_with(0x1001, "spatne12"), CIPHER_AES256_CBC)), MALLEABLE);
	ck_assert_uint_eq(guesses, 0);
	m = mail(from_jan, damaged(encrypt(sign(ask(0x1001), &holder), CIPHER_AES256_CBC)));
	claim_of("ica", m, &claim);
	ck_assert(claim.malleable && claim.answer == ANSWER_NO && claim.unreadable);
	ck_assert_str_eq(claim.reason.code, "request-not-opened");
	claim_free(&claim);
	message_free(m);
}
END_TEST

START_TEST(what_is_not_to_be_opened_stays_closed)
{
	struct message *m = mail(from_jan, encrypt(sign(ask(0x1001), &holder), CIPHER_AES256_GCM));
	struct error inside = ERROR_NONE;
	struct claim claim;

	error_no(&inside, "inside", "its client is one of our own");
	claim_mail(&gate, authorities_named(gateway.authorities, "ica"), &entry, m, &inside, NOW, &claim);
	ck_assert(claim.answer == ANSWER_NO && claim.unreadable && !claim.malleable);
	ck_assert_ptr_nonnull(strstr(claim.reason.words, "one of our own"));
	claim_free(&claim);
	message_free(m);
}
END_TEST

/* ---- records that gate did not make so -------------------------------------------------- */

static void
take(struct buf entity, struct handed *h)
{
	struct message *m = mail(from_jan, entity);
	struct claim claim;

	claim_of("ica", m, &claim);
	ck_assert_int_eq(claim.answer, ANSWER_YES);
	hand_on(&claim, 0, h);
	claim_free(&claim);
	message_free(m);
}

START_TEST(a_forged_record_is_refused)
{
	struct buf out = new_buf();
	struct buf closed = encrypt(sign(ask(0x1001), &holder), CIPHER_AES256_GCM);
	struct handed h, later, other;
	struct claim claim;
	size_t count;
	const struct slice *issuers = issued_names(authorities_named(gateway.authorities, "ica")->issued, &count);

	take(sign(ask(0x1001), &holder), &h);
	take(sign_at(ask(0x1001), &holder, NOW - 2 * HOUR), &later);
	take(sign(ask(0x2003), &colleague), &other);
	ck_assert_str_eq(judged(&h, &out), "yes signed@0");
	/* Its evidence asks for another certificate. */
	h.record.serial = other.record.serial;
	ck_assert_str_eq(judged(&h, &out), "no record");
	h.record.serial = slice_of(h.serial, 2);
	h.record.issuer = issuers[1];
	ck_assert_str_eq(judged(&h, &out), "no record");
	h.record.issuer = issuers[0];
	/* A second key would be a second request. */
	h.key[5] ^= 1;
	ck_assert_str_eq(judged(&h, &out), "no record");
	h.key[5] ^= 1;
	h.record.evidence = buf_slice(&later.evidence);
	ck_assert_str_eq(judged(&h, &out), "no record");
	h.record.evidence = slice_of(closed.data, closed.len);
	ck_assert_str_eq(judged(&h, &out), "no request-not-opened");
	h.record.evidence = other.record.evidence;
	ck_assert_str_eq(judged(&h, &out), "no record");
	h.record.evidence = SLICE_NONE;
	ck_assert_str_eq(judged(&h, &out), "no record");
	h.record.evidence = slice_str("Content-Type: text/plain\r\n\r\n" SENTENCE "4097\r\n");
	ck_assert_str_eq(judged(&h, &out), "no unsigned");
	h.record.evidence = buf_slice(&h.evidence);
	ck_assert_str_eq(judged(&h, &out), "yes signed@0");
	claim_record(&worker, authorities_named(gateway.authorities, "cesnet"), &h.record, SLICE_NONE, NOW, &claim);
	ck_assert_str_eq(say(&claim, &out), "no record");
	ck_assert_ptr_nonnull(strstr(claim.reason.words, "another authority"));
	claim_free(&claim);
	h.evidence = altered(h.evidence, "4097", '5');
	ck_assert_str_eq(judged(&h, &out), "no record");
	handed_free(&h);
	handed_free(&later);
	handed_free(&other);
	buf_free(&closed);
	buf_free(&out);
}
END_TEST

START_TEST(a_password_is_proved_for_one_certificate)
{
	struct buf out = new_buf();
	struct handed h;

	take(ask_with(0x1001, PASSWORD), &h);
	ck_assert_str_eq(judged(&h, &out), "yes password@0");
	h.serial[1] = 2;
	ck_assert_str_eq(judged(&h, &out), "no proof");
	h.serial[1] = 1;
	h.key[0] ^= 1;
	ck_assert_str_eq(judged(&h, &out), "no proof");
	h.key[0] ^= 1;
	h.record.authority = "cesnet";
	ck_assert_str_eq(judged(&h, &out), "no proof");
	h.record.authority = "ica";
	h.record.issuer = slice_of("\x30\x00", 2);
	ck_assert_str_eq(judged(&h, &out), "no record");
	worker.proof = NULL;
	ck_assert_str_eq(judged(&h, &out), "later proof");
	handed_free(&h);
	buf_free(&out);
}
END_TEST

/* The one who wrote it is asked again; whoever has left since does not speak for anybody. */
START_TEST(worker_asks_anew)
{
	struct buf out = new_buf();
	struct handed h, unsigned_one;
	struct message *m = mail(unsigned_mails[0].header, ask(0x2003));
	struct claim claim;

	take(sign(ask(0x2003), &clerk), &h);
	claim_of("ica", m, &claim);
	hand_on(&claim, 0, &unsigned_one);
	claim_free(&claim);
	message_free(m);
	organisation.certificates.count = organisation.unsigned_senders.count = 0;
	close_gateway();
	open_gateway();
	ck_assert_str_eq(judged(&h, &out), "no other-authority");
	ck_assert_str_eq(judged(&unsigned_one, &out), "no unsigned");
	handed_free(&h);
	handed_free(&unsigned_one);
	buf_free(&out);
}
END_TEST

/* A replay has the key of the first; at another authority's address it is another request. */
START_TEST(the_same_again_has_the_same_key)
{
	struct buf signed_one = sign(ask(0x1001), &holder), copy = new_buf();
	struct claim first, again;
	struct message *m, *more;

	buf_add_slice(&copy, buf_slice(&signed_one));
	m = mail(from_jan, signed_one);
	more = mail("From: nekdo@jinde.example\r\nReceived: from x\r\n", copy);
	claim_of("ica", m, &first);
	claim_of("ica", more, &again);
	ck_assert_mem_eq(first.lines[0].key, again.lines[0].key, AUTHORISE_KEY);
	claim_free(&again);
	claim_of("cesnet", more, &again);
	ck_assert_mem_ne(first.lines[0].key, again.lines[0].key, AUTHORISE_KEY);
	ck_assert_mem_ne(first.mail_digest, again.mail_digest, RECORD_DIGEST);
	claim_free(&again);
	claim_free(&first);
	message_free(m);
	message_free(more);
}
END_TEST

/* ---- who is told ------------------------------------------------------------------------ */

static const char *
contacts(const char *header, struct buf entity)
{
	static char text[500];
	struct message *m = mail(header, entity);
	struct claim claim;

	claim_of("ica", m, &claim);
	ck_assert_int_eq(claim.answer, ANSWER_YES);
	text[0] = '\0';
	for (size_t i = 0; i < claim.lines[0].contact_count; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i == 0 ? "" : " ", claim.lines[0].contacts[i]);
	claim_free(&claim);
	message_free(m);
	return text;
}

START_TEST(only_bound_addresses_are_written_to)
{
	const char *from_anybody = "From: x@evil.example\r\n";
	struct handed h;
	struct claim claim;

	ck_assert_str_eq(contacts(from_anybody, sign(ask(0x1001), &holder)), "jan@alfa.example");
	ck_assert_str_eq(contacts(from_anybody, sign(ask(0x2003), &clerk)), "clerk@law.example");
	ck_assert_str_eq(contacts(from_anybody, ask_with(0x1001, PASSWORD)), "dopis@alfa.example jan@alfa.example");
	ck_assert_str_eq(contacts(from_jan, ask_with(0x1001, PASSWORD)), "jan@alfa.example dopis@alfa.example");
	ck_assert_str_eq(contacts(unsigned_mails[0].header, ask(0x2003)), "urad@alfa.example");
	ck_assert_str_eq(contacts(from_anybody, sign(ask(0x1007), &silent)), "");
	/* Worker, who writes, looks for what is enrolled. */
	take(sign(ask(0x1007), &silent), &h);
	claim_record(&worker, authorities_named(gateway.authorities, "ica"), &h.record, SLICE_NONE, NOW, &claim);
	ck_assert_uint_eq(claim.lines[0].contact_count, 1);
	ck_assert_str_eq(claim.lines[0].contacts[0], "ticha@alfa.example");
	claim_free(&claim);
	handed_free(&h);
}
END_TEST

START_TEST(the_language_is_the_requests)
{
	char text[200];
	struct message *m;
	struct claim claim;

	snprintf(text, sizeof text, "I request revocation of certificate number = %d", 0x1001);
	m = mail(from_jan, sign(text_of("text/plain", text), &holder));
	claim_of("ica", m, &claim);
	ck_assert_str_eq(claim.lines[0].language, "en");
	ck_assert_ptr_nonnull(claim.text);
	claim_free(&claim);
	message_free(m);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("claim");
	TCase *c = tcase_create("claim");
	struct proof_key *key;

	/* Before the forks: these take time. */
	make_people();
	if (proof_key_open(authority_folder(), &key, NULL) == ANSWER_YES)
		proof_key_free(key);
	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, begin, end);
	tcase_add_test(c, the_holder_signs);
	tcase_add_test(c, standing_does_not_matter_to_the_holder);
	tcase_add_test(c, others_do_not_sign_for_him);
	tcase_add_test(c, a_signature_around_an_envelope_covers_nothing);
	tcase_add_test(c, what_may_be_an_old_mail_waits);
	tcase_add_test(c, what_is_quoted_is_no_request);
	tcase_add_test(c, one_mail_asks_for_one);
	tcase_add_test(c, a_password_is_enough);
	tcase_add_test(c, an_unknown_number_looks_and_costs_as_a_wrong_password);
	tcase_add_test(c, a_signature_neither_helps_nor_harms_a_password);
	tcase_add_test(c, under_attack_the_holders_signature_passes);
	tcase_add_test(c, a_journal_that_is_away_defers_a_password);
	tcase_add_test(c, no_password_lies_anywhere_in_clear);
	tcase_add_loop_test(c, a_password_that_comes_along_is_sealed_too, 0, sizeof companions / sizeof companions[0]);
	tcase_add_test(c, a_clerk_speaks_for_the_organisation);
	tcase_add_test(c, of_several_the_one_that_is_refused_is_named);
	tcase_add_test(c, another_certificate_of_the_subject_will_do);
	tcase_add_test(c, standing_matters_to_others);
	tcase_add_loop_test(c, named_senders_need_dkim_of_their_domain, 0, sizeof unsigned_mails / sizeof unsigned_mails[0]);
	tcase_add_test(c, what_is_signed_is_not_unsigned);
	tcase_add_test(c, an_envelope_without_authentication_tells_nothing);
	tcase_add_test(c, what_is_not_to_be_opened_stays_closed);
	tcase_add_test(c, a_forged_record_is_refused);
	tcase_add_test(c, a_password_is_proved_for_one_certificate);
	tcase_add_test(c, worker_asks_anew);
	tcase_add_test(c, the_same_again_has_the_same_key);
	tcase_add_test(c, only_bound_addresses_are_written_to);
	tcase_add_test(c, the_language_is_the_requests);
	suite_add_tcase(s, c);
	return unit_run(s);
}
