#include "unit.h"

#include "key_fixture.h"

#include "base/control.h"
#include "keys/keeper.h"
#include "keys/wire.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static struct fixture_keeper keeper;
static EVP_PKEY *rsa, *ec;
static X509 *rsa_certificate, *ec_certificate;
static unsigned char reply[WIRE_REPLY_MAX + 1];
static ssize_t reply_len;

static void
setup(void)
{
	rsa = fixture_rsa(2048);
	ec = fixture_ec("P-256");
	rsa_certificate = fixture_certificate(rsa, "rsa", NULL, NULL);
	ec_certificate = fixture_certificate(ec, "ec", NULL, NULL);
	fixture_signer("rsa", rsa, rsa_certificate);
	fixture_signer("ec", ec, ec_certificate);
	fixture_decryption_key("rsa", rsa, rsa_certificate);
	fixture_decryption_key("ec", ec, ec_certificate);
	keeper = fixture_keeper_start();
}

static void
free_keys(void)
{
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	X509_free(rsa_certificate);
	X509_free(ec_certificate);
}

static void
teardown(void)
{
	ck_assert_int_eq(fixture_keeper_stop(&keeper), 0);
	free_keys();
}

static int
dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture_path("k"));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* The status, -1 where keeper hung up. */
static int
say(int fd, const void *bytes, size_t len)
{
	if (send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		return -1;
	reply_len = recv(fd, reply, sizeof(reply), 0);
	return reply_len > 0 ? reply[0] : -1;
}

static int
request(int fd, const struct wire_request *r)
{
	unsigned char message[WIRE_REQUEST_MAX];
	size_t len = wire_write(r, message, sizeof(message));

	ck_assert_uint_gt(len, 0);
	return say(fd, message, len);
}

/* It still does what it should. */
static void
answers(int fd)
{
	struct wire_request r = {.op = WIRE_SIGNER, .input = slice_str("rsa")};

	ck_assert_int_eq(request(fd, &r), WIRE_OK);
	ck_assert_int_gt(reply_len, 500); /* a certificate at least */
}

static struct wire_request
sign_request(X509 *certificate, enum wire_scheme scheme)
{
	static const unsigned char digest[64];
	struct wire_request r = {.op = WIRE_SIGN, .scheme = scheme, .digest = WIRE_SHA256, .mgf_digest = WIRE_SHA256,
		.salt_length = RSA_PSS_SALTLEN_DIGEST, .input = slice_of(digest, 32)};

	ck_assert(key_handle(certificate, r.handle));
	return r;
}

/* ---- requests ------------------------------------------------------------- */

START_TEST(test_hostile_bytes)
{
	unsigned char all[WIRE_REQUEST_MAX + 100];
	struct wire_request r = sign_request(rsa_certificate, WIRE_PKCS1);
	size_t len = wire_write(&r, all, sizeof(all));
	int fd = dial();

	answers(fd);
	for (size_t n = 1; n < len; n++)
		ck_assert_int_eq(say(fd, all, n), WIRE_REFUSED);
	ck_assert_int_eq(say(fd, all, len + 1), WIRE_REFUSED);
	for (size_t i = 0; i < len; i++) { /* every octet of a good request set to odd values */
		static const unsigned char odd[] = {0x00, 0x7f, 0x80, 0xff};
		unsigned char old = all[i];

		for (size_t j = 0; j < sizeof(odd); j++) {
			all[i] = odd[j];
			ck_assert_int_ge(say(fd, all, len), WIRE_OK);
		}
		all[i] = old;
	}
	memset(all, 0xff, sizeof(all));
	all[0] = WIRE_VERSION;
	ck_assert_int_eq(say(fd, all, WIRE_REQUEST_MAX), WIRE_REFUSED);
	answers(fd);
	ck_assert_int_eq(say(fd, all, WIRE_REQUEST_MAX + 1), -1); /* hung up on */
	close(fd);
	fd = dial();
	ck_assert_int_eq(send(fd, "", 0, MSG_NOSIGNAL), 0);
	close(fd);
	fd = dial();
	answers(fd);
	close(fd);
}
END_TEST

START_TEST(test_refused_signatures)
{
	struct wire_request r;
	int fd = dial();

	static const unsigned char digest[64];

	r = sign_request(rsa_certificate, WIRE_PKCS1);
	ck_assert_int_eq(request(fd, &r), WIRE_OK);
	r = sign_request(rsa_certificate, WIRE_PSS);
	ck_assert_int_eq(request(fd, &r), WIRE_OK);
	r = sign_request(ec_certificate, WIRE_ECDSA);
	ck_assert_int_eq(request(fd, &r), WIRE_OK);
	/* no padding, and schemes of the other kind of key */
	r = sign_request(rsa_certificate, WIRE_SCHEME_NONE);
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	r = sign_request(rsa_certificate, WIRE_OAEP);
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	r = sign_request(rsa_certificate, WIRE_ECDSA);
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	r = sign_request(ec_certificate, WIRE_PKCS1);
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	/* digests: too weak, none, a value of another length */
	r = sign_request(rsa_certificate, WIRE_PKCS1);
	r.digest = WIRE_SHA1;
	r.input.len = 20;
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	r.digest = WIRE_DIGEST_NONE;
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	r.digest = WIRE_SHA512;
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	r.input = slice_of(digest, 0);
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	/* a salt that does not fit */
	r = sign_request(rsa_certificate, WIRE_PSS);
	r.salt_length = 1000;
	ck_assert_int_ne(request(fd, &r), WIRE_OK);
	r.salt_length = -100;
	ck_assert_int_ne(request(fd, &r), WIRE_OK);
	/* a key that is not there */
	r = sign_request(rsa_certificate, WIRE_PKCS1);
	r.handle[7] ^= 1;
	ck_assert_int_eq(request(fd, &r), WIRE_UNKNOWN);
	answers(fd);
	close(fd);
}
END_TEST

START_TEST(test_refused_decryption)
{
	unsigned char block[WIRE_INPUT_MAX] = {0};
	struct wire_request r = {.op = WIRE_DECRYPT, .scheme = WIRE_SCHEME_NONE, .input = slice_of(block, 256)};
	int fd = dial();

	ck_assert(key_handle(rsa_certificate, r.handle));
	block[255] = 1; /* raw RSA of 1 would be 1 */
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	r.scheme = WIRE_PSS;
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	r.scheme = WIRE_OAEP;
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED); /* no digest said */
	r.digest = r.mgf_digest = WIRE_SHA256;
	ck_assert_int_eq(request(fd, &r), WIRE_FAILED);
	r.scheme = WIRE_PKCS1;
	ck_assert_int_eq(request(fd, &r), WIRE_FAILED);
	r.input.len = WIRE_INPUT_MAX;
	ck_assert_int_eq(request(fd, &r), WIRE_FAILED);
	r.input.len = 0;
	ck_assert_int_eq(request(fd, &r), WIRE_FAILED);
	ck_assert(key_handle(ec_certificate, r.handle));
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	answers(fd);
	close(fd);
}
END_TEST

START_TEST(test_refused_derivation)
{
	EVP_PKEY *peer = fixture_ec("P-256");
	unsigned char *point = NULL;
	size_t len = EVP_PKEY_get1_encoded_public_key(peer, &point);
	struct wire_request r = {.op = WIRE_DERIVE, .digest = WIRE_SHA256, .cofactor = -1, .output_length = 32,
		.input = slice_of(point, len)};
	int fd = dial();

	ck_assert(key_handle(ec_certificate, r.handle));
	ck_assert_int_eq(request(fd, &r), WIRE_OK);
	ck_assert_int_eq(reply_len, 1 + 32);
	r.digest = WIRE_DIGEST_NONE; /* the raw shared secret */
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	r.digest = WIRE_SHA256;
	r.output_length = 0;
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	r.output_length = 32;
	r.cofactor = 2;
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	r.cofactor = 0;
	point[len - 1] ^= 1; /* no longer on the curve */
	ck_assert_int_eq(request(fd, &r), WIRE_FAILED);
	r.input.len = 1;
	ck_assert_int_eq(request(fd, &r), WIRE_FAILED);
	point[0] = 0; /* the point at infinity */
	ck_assert_int_eq(request(fd, &r), WIRE_FAILED);
	ck_assert(key_handle(rsa_certificate, r.handle));
	ck_assert_int_eq(request(fd, &r), WIRE_REFUSED);
	answers(fd);
	OPENSSL_free(point);
	EVP_PKEY_free(peer);
	close(fd);
}
END_TEST

START_TEST(test_identity)
{
	struct wire_request r = {.op = WIRE_SIGNER, .input = slice_str("ec")};
	unsigned char *der = NULL;
	int len = i2d_X509(ec_certificate, &der), fd = dial();

	ck_assert_int_eq(request(fd, &r), WIRE_OK);
	ck_assert_int_eq(reply_len, 5 + len);
	ck_assert_mem_eq(reply + 5, der, len);
	r.input = slice_str("e");
	ck_assert_int_eq(request(fd, &r), WIRE_UNKNOWN);
	r.input = slice_of("ec\0", 3);
	ck_assert_int_eq(request(fd, &r), WIRE_UNKNOWN);
	OPENSSL_free(der);
	close(fd);
}
END_TEST

/* Two pairs of keys with the same names, each for one use, and a third for both. */
static void
start_with_uses(X509 *sign[2], X509 *decrypt[2])
{
	EVP_PKEY *keys[2] = {fixture_rsa(2048), fixture_ec("P-256")};

	rsa = fixture_rsa(2048);
	ec = fixture_ec("P-256");
	decrypt[0] = fixture_certificate(keys[0], "rsa", NULL, NULL);
	decrypt[1] = fixture_certificate(keys[1], "ec", NULL, NULL);
	sign[0] = rsa_certificate = fixture_certificate(rsa, "rsa", NULL, NULL);
	sign[1] = ec_certificate = fixture_certificate(ec, "ec", NULL, NULL);
	fixture_signers("");
	fixture_signer("rsa", rsa, sign[0]);
	fixture_signer("ec", ec, sign[1]);
	fixture_decryption_key("rsa", keys[0], decrypt[0]);
	fixture_decryption_key("ec", keys[1], decrypt[1]);
	EVP_PKEY_free(keys[0]);
	EVP_PKEY_free(keys[1]);
	keeper = fixture_keeper_start();
}

static int
ask(int fd, struct wire_request r, X509 *certificate)
{
	ck_assert(key_handle(certificate, r.handle));
	return request(fd, &r);
}

static void
names_lead_to(int fd, enum wire_op op, const char *name, X509 *certificate)
{
	struct wire_request r = {.op = op, .input = slice_str(name)};
	unsigned char *der = NULL;
	int len = i2d_X509(certificate, &der);

	ck_assert_int_eq(request(fd, &r), WIRE_OK);
	ck_assert_int_eq(reply_len, 5 + len);
	ck_assert_mem_eq(reply + 5, der, len);
	OPENSSL_free(der);
}

START_TEST(test_each_key_for_its_use)
{
	static const unsigned char block[256];
	EVP_PKEY *peer = fixture_ec("P-256");
	unsigned char *point = NULL;
	size_t len = EVP_PKEY_get1_encoded_public_key(peer, &point);
	struct wire_request derivation = {.op = WIRE_DERIVE, .digest = WIRE_SHA256, .cofactor = -1, .output_length = 32,
		.input = slice_of(point, len)};
	struct wire_request unwrapping = {.op = WIRE_DECRYPT, .scheme = WIRE_PKCS1, .input = slice_of(block, 256)};
	X509 *sign[2], *decrypt[2];
	int fd;

	start_with_uses(sign, decrypt);
	fd = dial();
	names_lead_to(fd, WIRE_SIGNER, "rsa", sign[0]);
	names_lead_to(fd, WIRE_DECRYPTION_KEY, "rsa", decrypt[0]);
	names_lead_to(fd, WIRE_SIGNER, "ec", sign[1]);
	names_lead_to(fd, WIRE_DECRYPTION_KEY, "ec", decrypt[1]);
	ck_assert_int_eq(ask(fd, sign_request(sign[0], WIRE_PKCS1), sign[0]), WIRE_OK);
	ck_assert_int_eq(ask(fd, sign_request(sign[1], WIRE_ECDSA), sign[1]), WIRE_OK);
	ck_assert_int_eq(ask(fd, sign_request(sign[0], WIRE_PKCS1), decrypt[0]), WIRE_REFUSED);
	ck_assert_int_eq(ask(fd, sign_request(sign[1], WIRE_ECDSA), decrypt[1]), WIRE_REFUSED);
	ck_assert_int_eq(ask(fd, unwrapping, decrypt[0]), WIRE_FAILED); /* it is tried, on rubbish */
	ck_assert_int_eq(ask(fd, unwrapping, sign[0]), WIRE_REFUSED);
	ck_assert_int_eq(ask(fd, derivation, decrypt[1]), WIRE_OK);
	ck_assert_int_eq(ask(fd, derivation, sign[1]), WIRE_REFUSED);
	/* The configuration may give one key for both. */
	fixture_decryption_key("both", ec, sign[1]);
	ck_assert_int_eq(fixture_keeper_reload(&keeper), CONTROL_KEPT);
	ck_assert_int_eq(ask(fd, derivation, sign[1]), WIRE_OK);
	ck_assert_int_eq(ask(fd, sign_request(sign[1], WIRE_ECDSA), sign[1]), WIRE_OK);
	ck_assert_int_eq(ask(fd, sign_request(sign[1], WIRE_ECDSA), decrypt[1]), WIRE_REFUSED);
	close(fd);
	OPENSSL_free(point);
	EVP_PKEY_free(peer);
	X509_free(decrypt[0]);
	X509_free(decrypt[1]);
	teardown();
}
END_TEST

/* ---- clients -------------------------------------------------------------- */

/* One more than there are threads for waits, and is served when one leaves. The
 * locked memory suffices for all of them. */
START_TEST(test_many_connections)
{
	struct wire_request pss = sign_request(rsa_certificate, WIRE_PSS), ecdsa = sign_request(ec_certificate, WIRE_ECDSA);
	int fds[KEEPER_CONNECTIONS_MAX + 1];

	for (int i = 0; i < KEEPER_CONNECTIONS_MAX; i++) {
		fds[i] = dial();
		ck_assert_int_eq(request(fds[i], &pss), WIRE_OK);
		ck_assert_int_eq(request(fds[i], &ecdsa), WIRE_OK);
	}
	fds[KEEPER_CONNECTIONS_MAX] = dial();
	close(fds[0]);
	answers(fds[KEEPER_CONNECTIONS_MAX]);
	for (int i = 1; i <= KEEPER_CONNECTIONS_MAX; i++)
		close(fds[i]);
}
END_TEST

/* In a process of that user; 0 where it was answered. */
static int
ask_as(uid_t uid)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct wire_request r = {.op = WIRE_SIGNER, .input = slice_str("rsa")};

		if (setuid(uid) != 0)
			_exit(2);
		_exit(request(dial(), &r) == WIRE_OK ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

START_TEST(test_users)
{
	fixture_client_uid(12345);
	setup();
	ck_assert_int_eq(ask_as(12345), 0);
	ck_assert_int_eq(ask_as(12346), 1);
	ck_assert_int_eq(ask_as(0), 0);
	teardown();
}
END_TEST

START_TEST(test_process_is_closed)
{
	static const char *const files[] = {"list", "rsa.key", "rsa.crt", "ec.key", "ec.crt", "+rsa.key",
		"+rsa.crt", "+ec.key", "+ec.crt"};
	char path[64], line[300];
	bool core = false;
	struct stat st;
	FILE *f;

	setup();
	teardown();
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		ck_assert_int_eq(chown(fixture_path(files[i]), 12345, (gid_t)-1), 0);
	fixture_keeper_uid(12345);
	keeper = fixture_keeper_start();
	snprintf(path, sizeof(path), "/proc/%d/limits", (int)keeper.pid);
	f = fopen(path, "r");
	while (fgets(line, sizeof(line), f) != NULL)
		core = core || strncmp(line, "Max core file size        0                    0 ", 49) == 0;
	fclose(f);
	ck_assert_msg(core, "it may dump its core");
	/* What is not dumpable belongs to root here, not to its user: no ptrace, no mem. */
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)keeper.pid);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
	ck_assert_int_eq(fixture_keeper_stop(&keeper), 0);
}
END_TEST

/* ---- reload --------------------------------------------------------------- */

START_TEST(test_reload_broken)
{
	struct wire_request r = sign_request(rsa_certificate, WIRE_PKCS1);
	int fd = dial();

	fixture_signers("broken");
	ck_assert_int_eq(fixture_keeper_reload(&keeper), CONTROL_ERROR);
	answers(fd);
	fixture_signers("rsa /nowhere /nowhere - -\n");
	ck_assert_int_eq(fixture_keeper_reload(&keeper), CONTROL_ERROR);
	answers(fd);
	ck_assert_int_eq(request(fd, &r), WIRE_OK);
	ck_assert_int_eq(chmod(fixture_path("rsa.key"), 0644), 0);
	ck_assert_int_eq(unlink(fixture_path("list")), 0);
	fixture_signer("rsa", rsa, rsa_certificate);
	ck_assert_int_eq(chmod(fixture_path("rsa.key"), 0644), 0);
	ck_assert_int_eq(fixture_keeper_reload(&keeper), CONTROL_ERROR);
	ck_assert_int_eq(request(fd, &r), WIRE_OK);
	ck_assert_int_eq(chmod(fixture_path("rsa.key"), 0600), 0);
	ck_assert_int_eq(fixture_keeper_reload(&keeper), CONTROL_KEPT);
	ck_assert_int_eq(request(fd, &r), WIRE_OK);
	r = sign_request(ec_certificate, WIRE_ECDSA);
	ck_assert_int_eq(request(fd, &r), WIRE_UNKNOWN); /* no longer a signer */
	fixture_signers("rsa /nowhere /nowhere - -\n");
	fixture_decryption_key("rsa", rsa, rsa_certificate);
	ck_assert_int_eq(fixture_keeper_reload(&keeper), CONTROL_ERROR);
	fixture_signers("+rsa /nowhere /nowhere - -\n");
	ck_assert_int_eq(fixture_keeper_reload(&keeper), CONTROL_ERROR);
	answers(fd);
	close(fd);
}
END_TEST

START_TEST(test_start_broken)
{
	struct error err = ERROR_NONE;
	int status;

	fixture_signers("broken");
	keeper.listen_fd = keeper_listen(fixture_path("k"), 0600, &err);
	fixture_keeper_restart(&keeper);
	ck_assert_int_eq(waitpid(keeper.pid, &status, 0), keeper.pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_CONFIG);
	ck_assert_int_eq(fixture_control_wait(keeper.control_fd), CONTROL_GONE); /* and never UP */
}
END_TEST

/* ---- the end -------------------------------------------------------------- */

/* What the test asserts is that it ends at all, although the client stays. */
START_TEST(test_stop_with_a_client)
{
	int fd;

	setup();
	fd = dial();
	answers(fd);
	ck_assert_int_eq(fixture_keeper_stop(&keeper), 0);
	ck_assert_int_eq(recv(fd, reply, sizeof(reply), 0), 0);
	close(fd);
	free_keys();
}
END_TEST

START_TEST(test_supervisor_gone)
{
	int fd, again, status;

	setup();
	fd = dial();
	answers(fd);
	close(keeper.control_fd);
	answers(fd); /* the client's work goes on, on new connections too */
	again = dial();
	answers(again);
	close(again);
	answers(fd);
	close(fd);
	ck_assert_int_eq(waitpid(keeper.pid, &status, 0), keeper.pid);
	ck_assert_int_eq(status, 0);
	free_keys();
}
END_TEST

START_TEST(test_listen)
{
	char path[200];
	struct error err = ERROR_NONE;
	struct stat st;
	int one, two;

	one = keeper_listen(fixture_path("s"), 0660, &err);
	ck_assert_int_ne(one, -1);
	ck_assert_int_eq(stat(fixture_path("s"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	two = keeper_listen(fixture_path("s"), 0600, &err); /* in the other one's place */
	ck_assert_int_ne(two, -1);
	ck_assert_int_eq(stat(fixture_path("s"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(access(fixture_path("s.new"), F_OK), -1);
	fixture_write("file", "x", 1, 0600);
	ck_assert_int_eq(keeper_listen(fixture_path("file"), 0600, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.words, "is not a socket"));
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(keeper_listen(path, 0600, &err), -1);
	close(one);
	close(two);
}
END_TEST

START_TEST(test_control)
{
	int ends[2];

	ck_assert_int_eq(control_pair(ends), 0);
	ck_assert_int_eq(control_receive(ends[1]), CONTROL_NONE);
	ck_assert_int_eq(control_send(ends[0], CONTROL_RELOAD), 0);
	ck_assert_int_eq(control_send(ends[0], CONTROL_STOP), 0);
	ck_assert_int_eq(control_receive(ends[1]), CONTROL_RELOAD);
	ck_assert_int_eq(control_receive(ends[1]), CONTROL_STOP);
	ck_assert_int_eq(send(ends[0], "?", 1, 0), 1);
	ck_assert_int_eq(control_receive(ends[1]), CONTROL_GONE);
	close(ends[0]);
	ck_assert_int_eq(control_receive(ends[1]), CONTROL_GONE);
	ck_assert_int_eq(control_send(ends[1], CONTROL_UP), -1);
	close(ends[1]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("keeper");
	TCase *with = tcase_create("running"), *own = tcase_create("own");

	tcase_add_checked_fixture(with, setup, teardown);
	tcase_set_timeout(with, 120);
	tcase_set_timeout(own, 120);
	tcase_add_test(with, test_hostile_bytes);
	tcase_add_test(with, test_refused_signatures);
	tcase_add_test(with, test_refused_decryption);
	tcase_add_test(with, test_refused_derivation);
	tcase_add_test(with, test_identity);
	tcase_add_test(own, test_each_key_for_its_use);
	tcase_add_test(with, test_many_connections);
	tcase_add_test(own, test_process_is_closed);
	tcase_add_test(with, test_reload_broken);
	tcase_add_test(own, test_users);
	tcase_add_test(own, test_start_broken);
	tcase_add_test(own, test_stop_with_a_client);
	tcase_add_test(own, test_supervisor_gone);
	tcase_add_test(own, test_listen);
	tcase_add_test(own, test_control);
	suite_add_tcase(suite, with);
	suite_add_tcase(suite, own);
	return unit_run(suite);
}
