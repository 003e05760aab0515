#include "scene.h"

#include "t/mta/mta.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEY_BITS 2048
#define VALID_SECONDS (365L * 24 * 3600)
#define START_WAIT_MS 20000
#define STOP_WAIT_MS 20000

static const char *const recipient_addresses[SCENE_RECIPIENTS] = {
	"r1@partner.test", "r2@partner.test", "r3@partner.test", "r4@partner.test", "r5@partner.test",
};

const char *
scene_recipient(unsigned i)
{
	return recipient_addresses[i];
}

__attribute__((format(printf, 1, 2))) static bool
complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return false;
}

/* ---- certificates ---------------------------------------------------------- */

static bool
add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = e != NULL && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

struct wish {
	const char *name;    /* common name */
	const char *address; /* NULL: a CA */
	const char *usage;
	long serial;
	const char *ocsp;    /* authorityInfoAccess as openssl.cnf has it; NULL: none */
	bool qualified;      /* as eidas-signature (pki/profiles.h) wants it */
};

/* One of its authority's own, and QCP-n. */
#define POLICIES "DER:3012300506032a03043009060704008bec400100"
/* QcCompliance, QcType esign and QcPDS (EN 319 412-5). */
#define QC_STATEMENTS "DER:30463008060604008e4601013013060604008e4601063009060704008e46010601302506" \
	"0604008e460105301b3019161368747470733a2f2f63612e746573742f7064731302656e"

static bool
make_qualified(X509 *x, X509 *issuer)
{
	static const struct { const char *type, *text; } names[] = {
		{"C", "CZ"}, {"givenName", "Bench"}, {"surname", "Partner"}, {"serialNumber", "PNOCZ-123"},
	};
	X509_NAME *name = X509_get_subject_name(x);
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof names / sizeof *names; i++)
		ok = X509_NAME_add_entry_by_txt(name, names[i].type, MBSTRING_UTF8, (const unsigned char *)names[i].text,
			-1, -1, 0) == 1;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
	ok = ok && e != NULL && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok && add_extension(x, NID_certificate_policies, POLICIES) &&
		add_extension(x, NID_crl_distribution_points, "URI:http://ca.test/list.crl") &&
		add_extension(x, NID_qcStatements, QC_STATEMENTS);
}

/* issuer NULL: self-signed. */
static X509 *
certify(const struct wish *wish, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *x = X509_new();
	X509_NAME *name;
	char san[128];
	bool ok;

	if (x == NULL)
		return NULL;
	name = X509_get_subject_name(x);
	ok = X509_set_version(x, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x), wish->serial) == 1 &&
		X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL &&
		X509_gmtime_adj(X509_getm_notAfter(x), VALID_SECONDS) != NULL &&
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)wish->name, -1, -1, 0) == 1 &&
		X509_set_issuer_name(x, issuer != NULL ? X509_get_subject_name(issuer) : name) == 1 &&
		X509_set_pubkey(x, key) == 1 &&
		add_extension(x, NID_basic_constraints, wish->address == NULL ? "critical,CA:TRUE" : "CA:FALSE") &&
		add_extension(x, NID_key_usage, wish->usage) && add_extension(x, NID_subject_key_identifier, "hash");
	snprintf(san, sizeof san, "email:%s", wish->address != NULL ? wish->address : "");
	if (ok && wish->address != NULL)
		ok = add_extension(x, NID_subject_alt_name, san) && add_extension(x, NID_ext_key_usage, "emailProtection");
	ok = ok && (wish->ocsp == NULL || add_extension(x, NID_info_access, wish->ocsp)) &&
		(!wish->qualified || make_qualified(x, issuer));
	if (ok && X509_sign(x, issuer_key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}

static FILE *
create(const struct scene *s, const char *name, mode_t mode)
{
	char path[256];
	FILE *f;
	int fd;

	snprintf(path, sizeof path, "%s/%s", s->folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (f == NULL)
		complain("%s: %s", path, strerror(errno));
	return f;
}

static bool
write_certificates(const struct scene *s, const char *name, X509 *first, X509 *second)
{
	FILE *f = create(s, name, 0644);
	bool ok = f != NULL && PEM_write_X509(f, first) == 1 && (second == NULL || PEM_write_X509(f, second) == 1);

	return f != NULL && fclose(f) == 0 && ok;
}

static bool
make_recipients(struct scene *s, EVP_PKEY *issuer_key)
{
	for (unsigned i = 0; i < SCENE_RECIPIENTS; i++) {
		struct wish wish = {recipient_addresses[i], recipient_addresses[i], "critical,keyEncipherment", 100 + i, NULL, false};
		EVP_PKEY *key = EVP_RSA_gen(KEY_BITS);
		char name[64];

		snprintf(name, sizeof name, "certificates/r%u.pem", i + 1);
		if (key != NULL)
			s->recipients[i] = certify(&wish, key, s->intermediate, issuer_key);
		EVP_PKEY_free(key);
		if (s->recipients[i] == NULL || !write_certificates(s, name, s->recipients[i], NULL))
			return false;
	}
	return true;
}

static bool
write_key(const struct scene *s, const char *name, EVP_PKEY *key)
{
	FILE *f = create(s, name, 0600);
	bool ok = f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;

	return f != NULL && fclose(f) == 0 && ok;
}

/* For mail that comes in: its maker and its reader. */
static bool
make_partners(struct scene *s, EVP_PKEY *issuer_key)
{
	static const struct wish partner = {"Bench Partner", SCENE_PARTNER, "critical,digitalSignature", 200, NULL, false};
	static const struct wish office = {"Bench Office", SCENE_OFFICE, "critical,keyEncipherment", 201, NULL, false};

	s->partner_key = EVP_RSA_gen(KEY_BITS);
	s->office_key = EVP_RSA_gen(KEY_BITS);
	return s->partner_key != NULL && s->office_key != NULL &&
		(s->partner = certify(&partner, s->partner_key, s->intermediate, issuer_key)) != NULL &&
		(s->office = certify(&office, s->office_key, s->intermediate, issuer_key)) != NULL &&
		write_certificates(s, "office.pem", s->office, NULL) && write_key(s, "office.key", s->office_key);
}

/* A server that takes connections and never says a word. */
static bool
make_hung_server(struct scene *s)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;

	s->hung_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->hung_fd < 0 || bind(s->hung_fd, (struct sockaddr *)&address, len) != 0 || listen(s->hung_fd, 4096) != 0 ||
	    getsockname(s->hung_fd, (struct sockaddr *)&address, &len) != 0)
		return complain("no server can be had: %s", strerror(errno));
	snprintf(s->hung_url, sizeof s->hung_url, "OCSP;URI:http://127.0.0.1:%u/", ntohs(address.sin_port));
	return true;
}

/* One who is qualified, and one of whom a server is asked that hangs. */
static bool
make_judged(struct scene *s)
{
	struct wish qualified = {"Bench Partner", SCENE_PARTNER, "critical,nonRepudiation", SCENE_QUALIFIED_SERIAL,
		"OCSP;URI:http://ca.test/,caIssuers;URI:http://ca.test/ca.cer", true};
	struct wish hung = {"Bench Hung", SCENE_PARTNER, "critical,digitalSignature", 203, s->hung_url, false};

	return (s->qualified = certify(&qualified, s->partner_key, s->intermediate, s->intermediate_key)) != NULL &&
		(s->hung = certify(&hung, s->partner_key, s->intermediate, s->intermediate_key)) != NULL;
}

static bool
make_certificates(struct scene *s)
{
	static const struct wish root = {"Bench Root", NULL, "critical,keyCertSign,cRLSign", 1, NULL, false};
	static const struct wish intermediate = {"Bench CA", NULL, "critical,keyCertSign,cRLSign", 2, NULL, false};
	static const struct wish seal = {"Bench Seal", SCENE_SENDER, "critical,digitalSignature,nonRepudiation", 3, NULL, false};
	EVP_PKEY *ca_key = s->intermediate_key = EVP_RSA_gen(KEY_BITS);
	bool ok;

	s->root_key = EVP_RSA_gen(KEY_BITS);
	s->key = EVP_RSA_gen(KEY_BITS);
	ok = s->root_key != NULL && ca_key != NULL && s->key != NULL;
	ok = ok && (s->root = certify(&root, s->root_key, NULL, s->root_key)) != NULL;
	ok = ok && (s->intermediate = certify(&intermediate, ca_key, s->root, s->root_key)) != NULL;
	ok = ok && (s->seal = certify(&seal, s->key, s->intermediate, ca_key)) != NULL;
	ok = ok && write_certificates(s, "root.pem", s->root, NULL) &&
		write_certificates(s, "intermediate.pem", s->intermediate, NULL) &&
		write_certificates(s, "seal.pem", s->seal, s->intermediate) && write_key(s, "seal.key", s->key) &&
		make_recipients(s, ca_key) && make_partners(s, ca_key) && make_hung_server(s) && make_judged(s);
	return ok || complain("the certificates could not be made");
}

/* ---- configuration --------------------------------------------------------- */

/* Sealed mail to partner.test is encrypted too, all other mail of ours is signed. What comes in
 * from elsewhere is opened. */
static const char configuration[] =
	"allow-old-openssl = yes\n"
	"run-directory = \"%1$s/run\"\n"
	"memory-limit = 12G\n"
	"message-size-limit = 64M\n"
	"internal-networks = {\"127.0.0.0/8\"}\n"
	"anchors = {\"%1$s/root.pem\"}\n"
	"intermediates = {\"%1$s/intermediate.pem\"}\n"
	"inbound-domains = bench.test\n"
	"authserv-id = mx.bench.test\n"
	"listener bench {\n\tsocket = \"%2$s\"\n\tdirection = outbound\n}\n"
	"listener inbound {\n\tsocket = \"%3$s\"\n\tdirection = inbound\n}\n"
	"signer seal {\n\tkey = \"%1$s/seal.key\"\n\tcertificate = \"%1$s/seal.pem\"\n}\n"
	"decryption-key office {\n\tkey = \"%1$s/office.key\"\n\tcertificate = \"%1$s/office.pem\"\n\tfor = bench.test\n}\n"
	"trust partners {\n\tanchors = {\"%1$s/root.pem\"}\n}\n"
	"directory files {\n\ttype = files\n\tpath = \"%1$s/certificates\"\n}\n"
	"rule sign {\n\tsender-domain = {\"bench.test\"}\n\tsign = seal\n\tform = clear\n\tencrypt = never\n}\n"
	"rule encrypt {\n\tsender-domain = {\"bench.test\"}\n\trecipient-domain = {\"partner.test\"}\n"
	"\tsign = seal\n\tform = clear\n\tencrypt = required\n\tcipher = " SCENE_CIPHER "\n}\n";

static bool
write_configuration(const struct scene *s, const char *more)
{
	FILE *f = create(s, "sealmilter.conf", 0644);

	if (f == NULL)
		return false;
	fprintf(f, configuration, s->folder, s->daemon_socket, s->inbound_socket);
	fputs(more, f);
	return fclose(f) == 0;
}

static bool
make_folder(struct scene *s, const char *name, mode_t mode)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", s->folder, name);
	return mkdir(path, mode) == 0 || complain("%s: %s", path, strerror(errno));
}

bool
scene_make(struct scene *s)
{
	*s = (struct scene){.folder = "/tmp/sbXXXXXX", .hung_fd = -1};
	if (mkdtemp(s->folder) == NULL) {
		s->folder[0] = '\0';
		return complain("no temporary folder: %s", strerror(errno));
	}
	snprintf(s->daemon_socket, sizeof s->daemon_socket, "unix:%s/milter", s->folder);
	snprintf(s->inbound_socket, sizeof s->inbound_socket, "unix:%s/inbound", s->folder);
	snprintf(s->echo_socket, sizeof s->echo_socket, "unix:%s/echo", s->folder);
	return make_folder(s, "run", 0755) && make_folder(s, "certificates", 0755) && make_certificates(s);
}

/* ---- processes ------------------------------------------------------------- */

static pid_t
start(const struct scene *s, const char *log_name, char *const argv[])
{
	char path[256];
	int log;
	pid_t pid;

	snprintf(path, sizeof path, "%s/%s", s->folder, log_name);
	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* a bench that was killed leaves no process behind */
	log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (log >= 0) {
		dup2(log, STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
	}
	execv(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void
show_log(const struct scene *s, const char *log_name)
{
	char path[256], line[1000];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", s->folder, log_name);
	f = fopen(path, "r");
	if (f == NULL)
		return;
	for (int i = 0; i < 20 && fgets(line, sizeof line, f) != NULL; i++)
		fprintf(stderr, "bench: %s: %s", log_name, line);
	fclose(f);
}

static bool
wait_until_ready(pid_t pid, const char *socket)
{
	struct mta *m = mta_new(MTA_LIMITS_POSTFIX);
	bool ready = false;

	for (int ms = 0; m != NULL && !ready && ms < START_WAIT_MS; ms += 10) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			break;
		ready = mta_connect(m, socket) && mta_negotiate(m, MTA_VERSION, MTA_ACTIONS, MTA_STEPS);
		mta_quit(m);
		if (!ready)
			nanosleep(&(struct timespec){0, 10000000}, NULL);
	}
	mta_free(m);
	return ready;
}

static bool
started(const struct scene *s, pid_t pid, const char *socket, const char *program, const char *log_name)
{
	if (pid > 0 && wait_until_ready(pid, socket))
		return true;
	complain("%s did not come up", program);
	show_log(s, log_name);
	return false;
}

bool
scene_start_daemon(struct scene *s, const char *program, const char *more)
{
	char conf[128], path[256];
	char *argv[] = {path, "-f", "-c", conf, NULL};

	snprintf(path, sizeof path, "%s", program);
	snprintf(conf, sizeof conf, "%s/sealmilter.conf", s->folder);
	if (!write_configuration(s, more))
		return false;
	s->daemon = start(s, "daemon.log", argv);
	return started(s, s->daemon, s->daemon_socket, program, "daemon.log") &&
		started(s, s->daemon, s->inbound_socket, program, "daemon.log");
}

bool
scene_start_echo(struct scene *s, const char *program)
{
	char path[256];
	char *argv[] = {path, "-b", "-p", s->echo_socket, NULL};

	snprintf(path, sizeof path, "%s", program);
	s->echo = start(s, "echo.log", argv);
	return started(s, s->echo, s->echo_socket, program, "echo.log");
}

static void
stop(pid_t pid, int signal_number)
{
	/* One that is gone has given its number back: nobody else is to be hit. */
	if (pid <= 0 || waitpid(pid, NULL, WNOHANG) != 0)
		return;
	kill(pid, signal_number);
	for (int ms = 0; ms < STOP_WAIT_MS; ms += 10) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		nanosleep(&(struct timespec){0, 10000000}, NULL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

void
scene_stop_daemon(struct scene *s)
{
	stop(s->daemon, SIGTERM);
	s->daemon = 0;
}

static int
remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

void
scene_end(struct scene *s)
{
	scene_stop_daemon(s);
	stop(s->echo, SIGKILL); /* libmilter takes seconds to leave, and it holds nothing */
	if (s->folder[0] != '\0')
		nftw(s->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	for (unsigned i = 0; i < SCENE_RECIPIENTS; i++)
		X509_free(s->recipients[i]);
	if (s->hung_fd >= 0)
		close(s->hung_fd);
	X509_free(s->qualified);
	X509_free(s->hung);
	EVP_PKEY_free(s->root_key);
	EVP_PKEY_free(s->intermediate_key);
	X509_free(s->partner);
	X509_free(s->office);
	EVP_PKEY_free(s->partner_key);
	EVP_PKEY_free(s->office_key);
	X509_free(s->seal);
	X509_free(s->intermediate);
	X509_free(s->root);
	EVP_PKEY_free(s->key);
	*s = (struct scene){0};
}
