#include "memory_scan.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (1024 * 1024)
#define FILE_MAX (256 * 1024)
#define MAPPING_MAX (1UL << 33) /* octets: larger ones are a sanitizer's shadow, not memory */

void
memory_scan_init(struct memory_scan *scan)
{
	memset(scan, 0, sizeof(*scan));
}

void
memory_scan_free(struct memory_scan *scan)
{
	for (size_t i = 0; i < scan->count; i++)
		free(scan->needle[i].bytes);
	memory_scan_init(scan);
}

bool
memory_scan_add(struct memory_scan *scan, const char *name, const void *bytes, size_t len)
{
	struct memory_scan_needle *needle = &scan->needle[scan->count];

	if (scan->count == SCAN_NEEDLES || len < SCAN_NEEDLE_MIN || (needle->bytes = malloc(len)) == NULL)
		return false;
	memcpy(needle->bytes, bytes, len);
	needle->len = len;
	needle->hits = 0;
	snprintf(needle->name, sizeof(needle->name), "%s", name);
	scan->count++;
	return true;
}

static bool
add_number(struct memory_scan *scan, const char *name, const BIGNUM *number)
{
	unsigned char big[2048], little[2048];
	char reversed[32];
	int len = BN_num_bytes(number);

	if (len > (int)sizeof(big) || BN_bn2binpad(number, big, len) != len || BN_bn2lebinpad(number, little, len) != len)
		return false;
	snprintf(reversed, sizeof(reversed), "%s little-endian", name);
	return memory_scan_add(scan, name, big, (size_t)len) && memory_scan_add(scan, reversed, little, (size_t)len);
}

static bool
add_key_numbers(struct memory_scan *scan, const EVP_PKEY *key)
{
	static const struct {
		const char *name;
		const char *param;
	} numbers[] = {
		{"d", OSSL_PKEY_PARAM_RSA_D},
		{"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
		{"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
		{"dP", OSSL_PKEY_PARAM_RSA_EXPONENT1},
		{"dQ", OSSL_PKEY_PARAM_RSA_EXPONENT2},
		{"qInv", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
		{"scalar", OSSL_PKEY_PARAM_PRIV_KEY},
	};
	size_t found = 0;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		BIGNUM *number = NULL;

		if (EVP_PKEY_get_bn_param(key, numbers[i].param, &number) != 1)
			continue;
		if (add_number(scan, numbers[i].name, number))
			found++;
		BN_clear_free(number);
	}
	return found == (EVP_PKEY_is_a(key, "RSA") ? 6 : 1);
}

static long
slurp(const char *path, char *to, size_t size)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (f == NULL)
		return -1;
	n = fread(to, 1, size - 1, f);
	to[n] = '\0';
	fclose(f);
	return (long)n;
}

/* The second line of the base64: the first is the same for many keys. */
static bool
add_pem_text(struct memory_scan *scan, const char *text)
{
	const char *line = strstr(text, "PRIVATE KEY-----\n");
	size_t len;

	for (int i = 0; line != NULL && i < 2; i++)
		line = strchr(line, '\n') == NULL ? NULL : strchr(line, '\n') + 1;
	if (line == NULL)
		return false;
	len = strcspn(line, "\n");
	return memory_scan_add(scan, "PEM text", line, len);
}

static EVP_PKEY *
read_key(const char *content, long len, char *pass)
{
	const unsigned char *at = (const unsigned char *)content;
	EVP_PKEY *key = NULL;
	PKCS12 *p12;
	BIO *bio;

	if (strstr(content, "-----BEGIN ") != NULL) {
		bio = BIO_new_mem_buf(content, (int)len);
		key = PEM_read_bio_PrivateKey(bio, NULL, NULL, pass);
		BIO_free(bio);
		return key;
	}
	p12 = d2i_PKCS12(NULL, &at, len);
	if (p12 != NULL)
		PKCS12_parse(p12, pass, &key, NULL, NULL);
	PKCS12_free(p12);
	return key;
}

bool
memory_scan_add_key(struct memory_scan *scan, const char *key_file, const char *pass_file)
{
	static char content[FILE_MAX];
	char pass[1100] = "";
	long len = slurp(key_file, content, sizeof(content));
	EVP_PKEY *key;
	bool ok;

	if (len < 0 || (pass_file != NULL && slurp(pass_file, pass, sizeof(pass)) < 0))
		return false;
	pass[strcspn(pass, "\r\n")] = '\0';
	key = read_key(content, len, pass);
	ok = key != NULL && add_key_numbers(scan, key);
	EVP_PKEY_free(key);
	if (ok && strstr(content, "-----BEGIN ") != NULL)
		ok = add_pem_text(scan, content);
	if (ok && pass_file != NULL)
		ok = memory_scan_add(scan, "pass phrase", pass, strlen(pass));
	return ok;
}

/* Each needle is counted where it begins below limit; more is looked at, so that
 * one across the border of two chunks is found once. */
static void
count_hits(struct memory_scan *scan, const unsigned char *data, size_t len, size_t limit)
{
	for (size_t i = 0; i < scan->count; i++) {
		struct memory_scan_needle *needle = &scan->needle[i];
		const unsigned char *at = data;

		while ((at = memmem(at, len - (size_t)(at - data), needle->bytes, needle->len)) != NULL
		    && (size_t)(at - data) < limit) {
			needle->hits++;
			at++;
		}
	}
}

static size_t
overlap(const struct memory_scan *scan)
{
	size_t longest = 1;

	for (size_t i = 0; i < scan->count; i++)
		if (scan->needle[i].len > longest)
			longest = scan->needle[i].len;
	return longest - 1;
}

static size_t
search_mapping(struct memory_scan *scan, int mem, unsigned long from, unsigned long to, unsigned char *buffer)
{
	size_t extra = overlap(scan), seen = 0;

	for (unsigned long at = from; at < to; at += CHUNK) {
		size_t limit = to - at < CHUNK ? to - at : CHUNK;
		size_t want = to - at < CHUNK + extra ? to - at : CHUNK + extra;
		ssize_t n = pread(mem, buffer, want, (off_t)at);

		if (n <= 0)
			break; /* a guard page, or the kernel's own */
		count_hits(scan, buffer, (size_t)n, limit);
		seen += (size_t)n < limit ? (size_t)n : limit;
	}
	return seen;
}

ssize_t
memory_scan_process(struct memory_scan *scan, pid_t pid)
{
	unsigned char *buffer = malloc(CHUNK + overlap(scan));
	char path[64], line[512], mode[8];
	unsigned long from, to;
	ssize_t seen = 0;
	FILE *maps;
	int mem;

	for (size_t i = 0; i < scan->count; i++)
		scan->needle[i].hits = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "r");
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (maps == NULL || mem == -1 || buffer == NULL)
		seen = -1;
	while (seen != -1 && fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && mode[0] == 'r'
		    && to - from < MAPPING_MAX && strstr(line, "[vsyscall]") == NULL && strstr(line, "[vvar") == NULL)
			seen += (ssize_t)search_mapping(scan, mem, from, to, buffer);
	if (maps != NULL)
		fclose(maps);
	if (mem != -1)
		close(mem);
	free(buffer);
	return seen;
}

size_t
memory_scan_hits(const struct memory_scan *scan, const char *prefix)
{
	size_t hits = 0;

	for (size_t i = 0; i < scan->count; i++)
		if (strncmp(scan->needle[i].name, prefix, strlen(prefix)) == 0)
			hits += scan->needle[i].hits;
	return hits;
}
