#include "key_fixture.h"

#include "base/control.h"
#include "base/log.h"
#include "keys/keeper.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIGNERS 8
#define DAY (24L * 3600)

static char dir[64];
static pid_t dir_owner;
static uid_t client_uid, keeper_uid;
static size_t client_uids;

static void
remove_dir(void)
{
	char path[400];
	struct dirent *entry;
	DIR *d;

	if (dir_owner != getpid() || (d = opendir(dir)) == NULL)
		return;
	while ((entry = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (entry->d_name[0] != '.' && unlink(path) != 0)
			rmdir(path);
	}
	closedir(d);
	rmdir(dir);
}

const char *
fixture_dir(void)
{
	if (dir[0] == '\0') {
		snprintf(dir, sizeof(dir), "/tmp/sk.XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(dir));
		ck_assert_int_eq(chmod(dir, 0755), 0);
		dir_owner = getpid();
		atexit(remove_dir);
	}
	return dir;
}

const char *
fixture_path(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", fixture_dir(), name);
	return path;
}

EVP_PKEY *
fixture_rsa(unsigned bits)
{
	EVP_PKEY *key = EVP_RSA_gen(bits);

	ck_assert_ptr_nonnull(key);
	return key;
}

EVP_PKEY *
fixture_ec(const char *curve)
{
	EVP_PKEY *key = EVP_EC_gen(curve);

	ck_assert_ptr_nonnull(key);
	return key;
}

X509 *
fixture_certificate(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key)
{
	static long serial = 1000;
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_NAME_new();

	ck_assert_ptr_nonnull(certificate);
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	X509_set_subject_name(certificate, subject);
	X509_set_issuer_name(certificate, issuer == NULL ? subject : X509_get_subject_name(issuer));
	X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 30 * DAY);
	ck_assert_int_eq(X509_set_pubkey(certificate, key), 1);
	ck_assert_int_gt(X509_sign(certificate, issuer_key == NULL ? key : issuer_key,
		EVP_PKEY_is_a(issuer_key == NULL ? key : issuer_key, "ED25519") ? NULL : EVP_sha256()), 0);
	X509_NAME_free(subject);
	return certificate;
}

void
fixture_write(const char *name, const void *data, size_t len, mode_t mode)
{
	int fd = open(fixture_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void
write_bio(const char *name, BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	fixture_write(name, data, (size_t)len, 0600);
	BIO_free(bio);
}

void
fixture_write_key(const char *name, EVP_PKEY *key, const char *pass, bool traditional)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const EVP_CIPHER *cipher = pass == NULL ? NULL : EVP_aes_256_cbc();
	int len = pass == NULL ? 0 : (int)strlen(pass);

	if (traditional)
		ck_assert_int_eq(PEM_write_bio_PrivateKey_traditional(bio, key, cipher, (const unsigned char *)pass, len,
			NULL, NULL), 1);
	else
		ck_assert_int_eq(PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, pass, len, NULL, NULL), 1);
	write_bio(name, bio);
}

void
fixture_write_certificates(const char *name, X509 *first, X509 *second, X509 *third)
{
	X509 *all[] = {first, second, third};
	BIO *bio = BIO_new(BIO_s_mem());

	for (int i = 0; i < 3 && all[i] != NULL; i++)
		ck_assert_int_eq(PEM_write_bio_X509(bio, all[i]), 1);
	write_bio(name, bio);
}

void
fixture_write_p12(const char *name, EVP_PKEY *key, X509 *certificate, X509 *issuer, const char *pass)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	BIO *bio = BIO_new(BIO_s_mem());
	PKCS12 *p12;

	if (issuer != NULL)
		sk_X509_push(chain, issuer);
	p12 = PKCS12_create(pass, "seal", key, certificate, chain, 0, 0, 0, 0, 0);
	ck_assert_ptr_nonnull(p12);
	ck_assert_int_eq(i2d_PKCS12_bio(bio, p12), 1);
	write_bio(name, bio);
	PKCS12_free(p12);
	sk_X509_free(chain);
}

/* ---- keeper --------------------------------------------------------------- */

void
fixture_signers(const char *lines)
{
	fixture_write("list", lines, strlen(lines), 0600);
}

void
fixture_signer(const char *name, EVP_PKEY *key, X509 *certificate)
{
	char file[100], line[1000], lines[8000] = "";
	FILE *f = fopen(fixture_path("list"), "r");

	if (f != NULL) {
		lines[fread(lines, 1, sizeof(lines) - sizeof(line) - 1, f)] = '\0';
		fclose(f);
	}
	snprintf(file, sizeof(file), "%s.key", name);
	fixture_write_key(file, key, NULL, false);
	snprintf(line, sizeof(line), "%s %s ", name, fixture_path(file));
	snprintf(file, sizeof(file), "%s.crt", name);
	fixture_write_certificates(file, certificate, NULL, NULL);
	snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s - -\n", fixture_path(file));
	snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines), "%s", line);
	fixture_signers(lines);
}

void
fixture_decryption_key(const char *name, EVP_PKEY *key, X509 *certificate)
{
	char marked[100];

	snprintf(marked, sizeof(marked), "+%s", name);
	fixture_signer(marked, key, certificate);
}

static char *
field(const char *text)
{
	return strcmp(text, "-") == 0 ? NULL : strdup(text);
}

static void
release_files(struct config_signer *files)
{
	free(files->name);
	free(files->key);
	free(files->certificate);
	free(files->chain);
	free(files->pass_phrase_file);
}

static void
release(struct config *config)
{
	for (size_t i = 0; i < config->signer_count; i++)
		release_files(&config->signers[i]);
	for (size_t i = 0; i < config->decryption_count; i++)
		release_files(&config->decryptions[i].files);
	free(config->signers);
	free(config->decryptions);
	free(config);
}

static enum answer
parse(const char *path, struct config **config, struct error *err)
{
	char name[100], key[200], certificate[200], chain[200], pass[200];
	struct config *new = calloc(1, sizeof(*new));
	FILE *f = fopen(path, "r");
	int n = 0;

	new->signers = calloc(SIGNERS, sizeof(*new->signers));
	new->decryptions = calloc(SIGNERS, sizeof(*new->decryptions));
	new->stop_timeout = FIXTURE_STOP_TIMEOUT;
	while (f != NULL && new->signer_count < SIGNERS && new->decryption_count < SIGNERS
	    && (n = fscanf(f, "%99s %199s %199s %199s %199s", name, key, certificate, chain, pass)) == 5) {
		bool opens = name[0] == '+';
		struct config_signer *files = opens ? &new->decryptions[new->decryption_count++].files :
			&new->signers[new->signer_count++];

		*files = (struct config_signer){.name = strdup(name + opens), .key = field(key),
			.certificate = field(certificate), .chain = field(chain), .pass_phrase_file = field(pass)};
	}
	if (f != NULL)
		fclose(f);
	if (f == NULL || n > 0) {
		release(new);
		return error_no(err, "config", "line 1: broken");
	}
	*config = new;
	return ANSWER_YES;
}

void
fixture_client_uid(uid_t uid)
{
	client_uid = uid;
	client_uids = 1;
}

void
fixture_keeper_uid(uid_t uid)
{
	keeper_uid = uid;
}

int
fixture_control_wait(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	ck_assert_int_eq(poll(&p, 1, 60 * 1000), 1);
	return control_receive(fd);
}

void
fixture_keeper_restart(struct fixture_keeper *keeper)
{
	const char *path = fixture_path("list");
	int ends[2];

	ck_assert_int_eq(control_pair(ends), 0);
	keeper->pid = fork();
	ck_assert_int_ne(keeper->pid, -1);
	if (keeper->pid == 0) {
		struct keeper_options options = {.config_path = path, .listen_fd = keeper->listen_fd,
			.control_fd = ends[1], .client_uids = &client_uid, .client_uid_count = client_uids,
			.parse = parse, .release = release};

		/* Its reasons are for who debugs a failing test. */
		log_open("keeper", LOG_MAIL, getenv("UNIT_VERBOSE") != NULL);
		close(ends[0]);
		/* As a process is after exec: what keeper does about it shall show. */
		if (setuid(keeper_uid) != 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
			_exit(1);
		_exit(keeper_run(&options));
	}
	close(ends[1]);
	keeper->control_fd = ends[0];
}

struct fixture_keeper
fixture_keeper_start(void)
{
	struct fixture_keeper keeper;
	struct error err = ERROR_NONE;

	keeper.listen_fd = keeper_listen(fixture_path("k"), 0666, &err);
	ck_assert_msg(keeper.listen_fd != -1, "%s", err.words);
	fixture_keeper_restart(&keeper);
	ck_assert_int_eq(fixture_control_wait(keeper.control_fd), CONTROL_UP);
	return keeper;
}

void
fixture_keeper_kill(struct fixture_keeper *keeper)
{
	ck_assert_int_eq(kill(keeper->pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(keeper->pid, NULL, 0), keeper->pid);
	close(keeper->control_fd);
}

int
fixture_keeper_stop(struct fixture_keeper *keeper)
{
	int status;

	control_send(keeper->control_fd, CONTROL_STOP);
	ck_assert_int_eq(waitpid(keeper->pid, &status, 0), keeper->pid);
	close(keeper->control_fd);
	close(keeper->listen_fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int
fixture_keeper_reload(struct fixture_keeper *keeper)
{
	ck_assert_int_eq(control_send(keeper->control_fd, CONTROL_RELOAD), 0);
	return fixture_control_wait(keeper->control_fd);
}
