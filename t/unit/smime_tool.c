/* smime_tool: write one sealed message, for other people's software to judge.
 *
 *     smime_tool [-s signer.key,signer.pem] [-o] [-d digest] [-p]
 *                [-c cipher] [-a] [-e recipient.crt]... <entity >message
 *
 * -s signs (-o opaque, -p RSA-PSS), -e encrypts (-a RSA-OAEP); both: signed, then encrypted.
 */
#include "keys/key.h"
#include "mail/compose.h"
#include "smime/encrypt.h"
#include "smime/sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_MAX (256 * 1024 * 1024)
#define RECIPIENTS_MAX 16

struct wanted {
	struct config_signer signer;
	struct sign_options sign;
	struct encrypt_options encrypt;
	struct cert *recipients[RECIPIENTS_MAX];
	size_t recipient_count;
};

static void
check(enum answer answer, const struct error *err)
{
	if (answer == ANSWER_YES)
		return;
	fprintf(stderr, "smime_tool: %s: %s\n", err->code, err->words);
	exit(1);
}

static void
add_recipient(struct wanted *w, const char *path)
{
	struct error err = ERROR_NONE;
	struct cert **certs = NULL;
	size_t count = 0;

	check(cert_read_file(path, &certs, &count, &err), &err);
	if (count != 1 || w->recipient_count == RECIPIENTS_MAX)
		exit(2);
	w->recipients[w->recipient_count++] = cert_ref(certs[0]);
	cert_free_array(certs, count);
}

static enum config_digest
digest_named(const char *name)
{
	for (int d = DIGEST_SHA256; d <= DIGEST_SHA512; d++)
		if (strcmp(name, algorithms_digest_name((enum config_digest)d)) == 0)
			return (enum config_digest)d;
	exit(2);
}

static enum config_cipher
cipher_named(const char *name)
{
	for (int c = CIPHER_AES128_CBC; c <= CIPHER_AES256_GCM; c++)
		if (strcmp(name, algorithms_cipher_name((enum config_cipher)c)) == 0)
			return (enum config_cipher)c;
	exit(2);
}

static void
parse_arguments(int argc, char **argv, struct wanted *w)
{
	int c;

	while ((c = getopt(argc, argv, "s:od:pc:ae:")) != -1)
		switch (c) {
		case 's':
			w->signer.key = strtok(optarg, ",");
			w->signer.certificate = strtok(NULL, ",");
			break;
		case 'o':
			w->sign.detached = false;
			break;
		case 'd':
			w->sign.digest = digest_named(optarg);
			break;
		case 'p':
			w->sign.rsa_signature = RSA_SIGNATURE_PSS;
			break;
		case 'c':
			w->encrypt.cipher = cipher_named(optarg);
			break;
		case 'a':
			w->encrypt.rsa_transport = RSA_TRANSPORT_OAEP;
			break;
		case 'e':
			add_recipient(w, optarg);
			break;
		default:
			exit(2);
		}
}

static void
read_input(struct buf *b)
{
	unsigned char chunk[65536];
	size_t n;

	while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0)
		buf_add(b, chunk, n);
}

/* entity becomes the whole of the new layer, header included. */
static void
sign_layer(const struct wanted *w, struct buf *entity)
{
	static const unsigned char random[16] = {1, 2, 3};
	char boundary[COMPOSE_BOUNDARY_SIZE];
	struct key_identity *identity = NULL;
	struct error err = ERROR_NONE;
	struct buf der, type, body;

	buf_init(&der, OUTPUT_MAX);
	buf_init(&type, OUTPUT_MAX);
	buf_init(&body, OUTPUT_MAX);
	check(key_load(&w->signer, KEY_TO_SIGN, &identity, &err), &err);
	check(sign_entity(buf_slice(entity), identity, &w->sign, &der, &err), &err);
	compose_boundary(random, boundary);
	if (w->sign.detached) {
		compose_signed_type(algorithms_micalg(w->sign.digest), boundary, &type);
		compose_signed_open(boundary, &body);
		buf_add_slice(&body, buf_slice(entity));
		compose_signed_close(buf_slice(&der), boundary, &body);
	} else {
		compose_pkcs7_type("signed-data", &type);
		compose_base64(buf_slice(&der), &body);
	}
	buf_clear(entity);
	compose_entity_header(buf_slice(&type), !w->sign.detached, entity);
	buf_add_slice(entity, buf_slice(&body));
	key_identity_free(identity);
	buf_free(&der);
	buf_free(&type);
	buf_free(&body);
}

static void
encrypt_layer(const struct wanted *w, struct buf *entity)
{
	struct error err = ERROR_NONE;
	struct buf der, type, body;

	buf_init(&der, OUTPUT_MAX);
	buf_init(&type, OUTPUT_MAX);
	buf_init(&body, OUTPUT_MAX);
	check(encrypt_entity(buf_slice(entity), w->recipients, w->recipient_count, &w->encrypt, &der, &err), &err);
	compose_pkcs7_type(algorithms_cipher_authenticates(w->encrypt.cipher) ? "authEnveloped-data" : "enveloped-data",
		&type);
	compose_base64(buf_slice(&der), &body);
	buf_clear(entity);
	compose_entity_header(buf_slice(&type), true, entity);
	buf_add_slice(entity, buf_slice(&body));
	buf_free(&der);
	buf_free(&type);
	buf_free(&body);
}

int
main(int argc, char **argv)
{
	static char name[] = "tool";
	struct wanted w = {.signer = {.name = name}, .sign = {.detached = true, .now = time(NULL)}};
	struct error err = ERROR_NONE;
	struct buf entity;

	check(algorithms_load(&err), &err);
	parse_arguments(argc, argv, &w);
	buf_init(&entity, OUTPUT_MAX);
	read_input(&entity);
	if (w.signer.key != NULL)
		sign_layer(&w, &entity);
	if (w.recipient_count > 0)
		encrypt_layer(&w, &entity);
	fputs("From: zpravy@trh.example\r\nTo: obchod@ucastnik.example\r\nSubject: test\r\nMIME-Version: 1.0\r\n", stdout);
	fwrite(entity.data, 1, entity.len, stdout);
	buf_free(&entity);
	for (size_t i = 0; i < w.recipient_count; i++)
		cert_unref(w.recipients[i]);
	return fflush(stdout) == 0 ? 0 : 1;
}
