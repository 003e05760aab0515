#include "revocation/notice.h"

#include "base/utf8.h"
#include "mail/address.h"
#include "mail/compose.h"
#include "mail/field.h"
#include "mail/mime.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#define TIME_SIZE 64
#define MESSAGE_ID_MAX 900 /* with its field's name on one line */

struct words {
	const char *code;
	const char *greeting, *number, *issuer, *authority;
	const char *subject[4]; /* by kind; the number follows */
	const char *body[4];
	const char *received, *deadline, *revoked_at, *reason, *contact;
	const char *farewell;
};

static const struct words languages[] = {
	[NOTICE_CS] = {
		.code = "cs",
		.greeting = "Dobrý den,", .number = "Číslo certifikátu:", .issuer = "Vydavatel certifikátu:",
		.authority = "Certifikační autorita:",
		.subject = {"Žádost o zneplatnění certifikátu přijata:", "Certifikát byl zneplatněn:",
			"Certifikát byl zneplatněn již dříve:", "Žádost o zneplatnění certifikátu zamítnuta:"},
		.body = {
			"přijali jsme žádost o zneplatnění tohoto certifikátu. Vyřídíme ji\r\nnejpozději v uvedené lhůtě "
			"a o výsledku Vás budeme informovat.\r\n",
			"tento certifikát byl na základě žádosti zneplatněn.\r\n",
			"tento certifikát byl zneplatněn již dříve, na žádost se tedy nic nezměnilo.\r\n",
			"žádost o zneplatnění tohoto certifikátu byla zamítnuta.\r\nCertifikát zneplatněn nebyl.\r\n",
		},
		.received = "Žádost přijata:", .deadline = "Lhůta k vyřízení:",
		.revoked_at = "Zneplatněno (rozhodný čas certifikační autority):", .reason = "Důvod:",
		.contact = "Dotazy:",
		.farewell = "Tato zpráva byla vytvořena automaticky, neodpovídejte na ni.",
	},
	[NOTICE_SK] = {
		.code = "sk",
		.greeting = "Dobrý deň,", .number = "Číslo certifikátu:", .issuer = "Vydavateľ certifikátu:",
		.authority = "Certifikačná autorita:",
		.subject = {"Žiadosť o zneplatnenie certifikátu prijatá:", "Certifikát bol zneplatnený:",
			"Certifikát bol zneplatnený už skôr:", "Žiadosť o zneplatnenie certifikátu zamietnutá:"},
		.body = {
			"prijali sme žiadosť o zneplatnenie tohto certifikátu. Vybavíme ju\r\nnajneskôr v uvedenej lehote "
			"a o výsledku Vás budeme informovať.\r\n",
			"tento certifikát bol na základe žiadosti zneplatnený.\r\n",
			"tento certifikát bol zneplatnený už skôr, na žiadosť sa teda nič nezmenilo.\r\n",
			"žiadosť o zneplatnenie tohto certifikátu bola zamietnutá.\r\nCertifikát zneplatnený nebol.\r\n",
		},
		.received = "Žiadosť prijatá:", .deadline = "Lehota na vybavenie:",
		.revoked_at = "Zneplatnené (rozhodný čas certifikačnej autority):", .reason = "Dôvod:",
		.contact = "Otázky:",
		.farewell = "Táto správa bola vytvorená automaticky, neodpovedajte na ňu.",
	},
	[NOTICE_EN] = {
		.code = "en",
		.greeting = "Hello,", .number = "Certificate number:", .issuer = "Issuer of the certificate:",
		.authority = "Certification authority:",
		.subject = {"Revocation request received:", "Certificate revoked:", "Certificate was revoked before:",
			"Revocation request refused:"},
		.body = {
			"we received a request to revoke this certificate. It will be carried out\r\nby the time below at the "
			"latest, and you will be told the result.\r\n",
			"this certificate was revoked on request.\r\n",
			"this certificate was revoked before, so the request changed nothing.\r\n",
			"the request to revoke this certificate was refused.\r\nThe certificate was not revoked.\r\n",
		},
		.received = "Request received:", .deadline = "Latest time for that:",
		.revoked_at = "Revoked (time of the certification authority, which counts):", .reason = "Reason:",
		.contact = "Questions:",
		.farewell = "This message was made automatically. Please do not answer it.",
	},
};

bool
notice_language_find(const char *name, enum notice_language *language)
{
	for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i++)
		if (slice_eq_str_nocase(slice_str(name), languages[i].code)) {
			*language = (enum notice_language)i;
			return true;
		}
	return false;
}

/* What may go in */

static bool
is_line(const char *text)
{
	struct slice s = slice_str(text);

	if (s.len > NOTICE_WORDS_MAX || !utf8_is_valid(s))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < ' ' || s.data[i] == 0x7f)
			return false;
	return true;
}

static bool
is_address(const char *text)
{
	struct address a;

	return text != NULL && is_line(text) && text[0] != '<' && slice_is_ascii(slice_str(text)) &&
	    address_parse(slice_str(text), &a);
}

/* "<…>" without blanks, so that nobody writes fields of ours (RFC 5322 3.6.4). */
static bool
is_message_id(const char *text)
{
	size_t len = strlen(text);

	if (len < 3 || len > MESSAGE_ID_MAX || text[0] != '<' || text[len - 1] != '>')
		return false;
	for (size_t i = 1; i < len - 1; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '<' || text[i] == '>')
			return false;
	return true;
}

static enum answer
check(const struct notice *n, struct error *err)
{
	size_t digits = strlen(n->serial);

	if (!is_address(n->from) || !is_address(n->to))
		return error_no(err, "notice", "a notice needs a sender and a recipient that are mail addresses");
	if (!is_message_id(n->message_id))
		return error_no(err, "notice", "a notice's Message-ID is malformed");
	if (digits == 0 || digits > NOTICE_SERIAL_DIGITS || strspn(n->serial, "0123456789ABCDEFabcdef") != digits)
		return error_no(err, "notice", "a notice's serial number is no hex number");
	if (!is_line(n->authority) || (n->issuer != NULL && !is_line(n->issuer)) ||
	    (n->reason != NULL && !is_line(n->reason)) || (n->contact != NULL && !is_line(n->contact)))
		return error_no(err, "notice", "a notice's authority, issuer, reason or contact is no line of UTF-8");
	return ANSWER_YES;
}

/* Writing */

static void
add_time(const char *label, time_t when, struct buf *body)
{
	char text[TIME_SIZE];
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		body->failed = true;
	else
		buf_printf(body, "%s %s\r\n", label, text);
}

/* "4711 (0x1267)": people write it in either form. */
static void
add_number(const struct notice *n, struct buf *out)
{
	BIGNUM *number = NULL;
	char *decimal = NULL;

	ERR_clear_error();
	if (BN_hex2bn(&number, n->serial) != 0 && (decimal = BN_bn2dec(number)) != NULL)
		buf_printf(out, "%s (0x%s)", decimal, n->serial);
	else
		out->failed = true;
	OPENSSL_free(decimal);
	BN_free(number);
	ERR_clear_error();
}

static void
write_body(const struct notice *n, struct buf *body)
{
	const struct words *w = &languages[n->language];

	buf_printf(body, "%s\r\n\r\n%s\r\n%s ", w->greeting, w->body[n->kind], w->number);
	add_number(n, body);
	if (n->issuer != NULL)
		buf_printf(body, "\r\n%s %s", w->issuer, n->issuer);
	buf_printf(body, "\r\n%s %s\r\n", w->authority, n->authority);
	add_time(w->received, n->received, body);
	if (n->kind == NOTICE_RECEIVED)
		add_time(w->deadline, n->deadline, body);
	if ((n->kind == NOTICE_REVOKED || n->kind == NOTICE_ALREADY) && n->has_revoked_at)
		add_time(w->revoked_at, n->revoked_at, body);
	if (n->kind == NOTICE_REFUSED && n->reason != NULL)
		buf_printf(body, "%s %s\r\n", w->reason, n->reason);
	if (n->contact != NULL)
		buf_printf(body, "%s %s\r\n", w->contact, n->contact);
	buf_printf(body, "\r\n%s\r\n", w->farewell);
}

static void
write_header(const struct notice *n, struct buf *out)
{
	const struct words *w = &languages[n->language];
	char date[TIME_SIZE];
	struct buf subject;
	struct tm tm;

	buf_init(&subject, NOTICE_SIZE_MAX);
	buf_printf(&subject, " %s ", w->subject[n->kind]);
	add_number(n, &subject);
	/* Names of days and months are those of the C locale, in which the daemon is. */
	if (gmtime_r(&n->date, &tm) == NULL || strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &tm) == 0 ||
	    buf_failed(&subject))
		out->failed = true;
	else
		buf_printf(out, "Date: %s\r\nFrom: %s\r\nTo: %s\r\n", date, n->from, n->to);
	if (!field_add("Subject", buf_slice(&subject), out))
		out->failed = true;
	buf_printf(out, "Message-ID: %s\r\n", n->message_id);
	if (n->in_reply_to != NULL && is_message_id(n->in_reply_to))
		buf_printf(out, "In-Reply-To: %s\r\nReferences: %s\r\n", n->in_reply_to, n->in_reply_to);
	buf_printf(out, "Auto-Submitted: auto-replied\r\nContent-Language: %s\r\nMIME-Version: 1.0\r\n", w->code);
	buf_free(&subject);
}

/* The body as an entity that no relay changes. */
static void
write_entity(struct slice body, struct buf *out)
{
	static const struct mime_limits limits = {.depth = 1, .parts = 1};
	struct mime *tree;
	struct buf entity;

	buf_init(&entity, NOTICE_SIZE_MAX);
	buf_add_str(&entity, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
	buf_add_slice(&entity, body);
	if (buf_failed(&entity) || mime_parse_entity(buf_slice(&entity), &limits, &tree, NULL) != ANSWER_YES) {
		out->failed = true;
	} else {
		if (compose_entity(tree, out, NULL) != COMPOSE_DONE)
			out->failed = true;
		mime_free(tree);
	}
	buf_free(&entity);
}

enum answer
notice_write(const struct notice *n, struct buf *out, struct error *err)
{
	enum answer answer = check(n, err);
	struct buf body;

	if (answer != ANSWER_YES)
		return answer;
	buf_init(&body, NOTICE_SIZE_MAX);
	write_header(n, out);
	write_body(n, &body);
	if (buf_failed(&body))
		out->failed = true;
	else
		write_entity(buf_slice(&body), out);
	buf_free(&body);
	if (buf_failed(out))
		return error_cant_tell(err, "memory", "no memory for a notice");
	return ANSWER_YES;
}
