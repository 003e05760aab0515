/* Nothing is sealed with a certificate that was revoked, or that must be known to be good and is not. */
#include "authority.h"
#include "unit.h"

#include "base/log.h"
#include "gateway/seals.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UPTIME 1000

static X509 *root;

struct scene {
	struct config config;
	struct config_trust block;
	struct config_signer signer;
	char *anchor[1], *list[1];
	char anchor_path[256], list_path[256];
	struct key_identity identity, *identities[1];
	struct trusts *trusts;
	struct seals *seals;
};

/* The seal is from the root, which the only block has. */
static void
begin(struct scene *s)
{
	memset(s, 0, sizeof *s);
	snprintf(s->anchor_path, sizeof s->anchor_path, "%s", authority_path("root.pem"));
	snprintf(s->list_path, sizeof s->list_path, "%s", authority_path("list.pem"));
	s->anchor[0] = s->anchor_path;
	s->list[0] = s->list_path;
	s->block = (struct config_trust){.name = (char *)"set", .anchors = {s->anchor, 1}, .crls = {s->list, 1},
		.revocation = REVOCATION_OFF}; /* for others; the seal has its own */
	s->signer = (struct config_signer){.name = (char *)"seal"};
	s->config = (struct config){.trusts = &s->block, .trust_count = 1, .signers = &s->signer, .signer_count = 1,
		.status_size_limit = 1 << 20, .status_total_limit = 64 << 20, .status_timeout = 10};
	s->identity = (struct key_identity){
		.certificate = authority_issue(&(struct authority_wish){.name = "seal", .issuer = root}),
		.chain = sk_X509_new_null(),
	};
	s->identities[0] = &s->identity;
	authority_write_list(s->list_path, root, NULL, NULL);
}

static void
open_seals(struct scene *s)
{
	struct error err = ERROR_NONE;

	ck_assert_msg(trusts_new(&s->config, &s->trusts, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_int_eq(seals_new(&s->config, s->identities, s->trusts, &s->seals, &err), ANSWER_YES);
}

static void
end(struct scene *s)
{
	seals_free(s->seals);
	trusts_free(s->trusts);
	X509_free(s->identity.certificate);
	sk_X509_free(s->identity.chain);
}

static const char *
answer_of(struct scene *s)
{
	static struct error err;

	err = ERROR_NONE;
	return seals_may_sign(s->seals, 0, AUTHORITY_NOW, &err) == ANSWER_YES ? "yes" :
		err.answer == ANSWER_CANT_TELL ? err.code : "no";
}

/* What check wrote to the log. */
static const char *
check(struct scene *s, long days)
{
	static char text[4000];
	int fd = open(authority_path("log"), O_RDWR | O_CREAT | O_TRUNC, 0600), saved = dup(STDERR_FILENO);
	ssize_t len;

	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	log_without_syslog();
	log_open("test", LOG_MAIL, true);
	seals_check(s->seals, AUTHORITY_NOW + days * AUTHORITY_DAY, UPTIME, true);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	len = pread(fd, text, sizeof text - 1, 0);
	text[len > 0 ? len : 0] = '\0';
	close(fd);
	close(saved);
	return text;
}

/* ---- standing ------------------------------------------------------------------------ */

static const struct {
	enum config_status mode;
	bool known, listed, revoked; /* its root is configured; a list is there; it is on that */
	const char *answer;
	const char *log; /* "": nothing */
	long again;      /* s */
} standings[] = {
	{REVOCATION_PREFER, true, true, false, "yes", "", SEALS_DAY},
	{REVOCATION_REQUIRE, true, true, false, "yes", "", SEALS_DAY},
	{REVOCATION_PREFER, true, true, true, "revoked", "revoked since 2027-01-05, keyCompromise: mail to be signed with it "
		"gets 451", SEALS_AGAIN},
	{REVOCATION_REQUIRE, true, true, true, "revoked", "revoked since 2027-01-05", SEALS_AGAIN},
	{REVOCATION_OFF, true, true, true, "yes", "", SEALS_DAY},
	{REVOCATION_PREFER, true, false, false, "yes", "whether it is revoked is not known; ", SEALS_AGAIN},
	{REVOCATION_REQUIRE, true, false, false, "status-unknown", "not known: mail to be signed with it gets 451", SEALS_AGAIN},
	{REVOCATION_PREFER, false, true, false, "yes", "put the authority that it comes from into anchors", SEALS_DAY},
	{REVOCATION_REQUIRE, false, true, false, "status-unknown", "gets 451; put the authority", SEALS_DAY},
};

START_TEST(test_standing)
{
	struct scene s;
	const char *log;

	begin(&s);
	s.config.seal_revocation = standings[_i].mode;
	s.config.trust_count = standings[_i].known;
	s.block.crls.count = standings[_i].listed;
	if (standings[_i].revoked)
		authority_write_list(s.list_path, root, s.identity.certificate, NULL);
	open_seals(&s);
	ck_assert_str_eq(answer_of(&s), standings[_i].answer); /* nobody has looked yet */
	ck_assert(seals_due(s.seals, UPTIME));
	log = check(&s, 0);
	if (*standings[_i].log == '\0')
		ck_assert_str_eq(log, "");
	else
		ck_assert_msg(strstr(log, "seal-certificate signer=seal") != NULL && strstr(log, standings[_i].log) != NULL,
			"%d: %s", _i, log);
	ck_assert_str_eq(answer_of(&s), standings[_i].answer);
	ck_assert(!seals_due(s.seals, UPTIME + standings[_i].again - 1));
	ck_assert(seals_due(s.seals, UPTIME + standings[_i].again));
	end(&s);
}
END_TEST

/* What is warned of is said once, what stops mail each day. */
START_TEST(test_told)
{
	struct scene s;

	begin(&s);
	s.block.crls.count = 0;
	open_seals(&s);
	ck_assert_str_ne(check(&s, 0), "");
	ck_assert_str_eq(check(&s, 2), "");
	end(&s);
	begin(&s);
	s.config.seal_revocation = REVOCATION_REQUIRE;
	s.block.crls.count = 0;
	open_seals(&s);
	ck_assert_str_ne(check(&s, 0), "");
	ck_assert_str_eq(check(&s, 0), "");
	ck_assert_str_ne(check(&s, 1), "");
	s.block.crls.count = 1; /* somebody tells */
	ck_assert_ptr_nonnull(strstr(check(&s, 1), "in good standing again"));
	ck_assert_str_eq(answer_of(&s), "yes");
	end(&s);
}
END_TEST

/* "anchors" knows it, and cannot tell; a block can. */
START_TEST(test_any_set)
{
	struct scene s;

	begin(&s);
	s.config.anchors = (struct config_strings){s.anchor, 1};
	s.config.seal_revocation = REVOCATION_REQUIRE;
	open_seals(&s);
	ck_assert_str_eq(answer_of(&s), "yes");
	end(&s);
	begin(&s);
	s.config.anchors = (struct config_strings){s.anchor, 1};
	authority_write_list(s.list_path, root, s.identity.certificate, NULL);
	open_seals(&s);
	ck_assert_str_eq(answer_of(&s), "revoked");
	end(&s);
}
END_TEST

START_TEST(test_revoked_stays)
{
	struct scene s;

	begin(&s);
	authority_write_list(s.list_path, root, s.identity.certificate, NULL);
	open_seals(&s);
	ck_assert_str_ne(check(&s, 0), "");
	s.block.crls.count = 0; /* nobody tells any more */
	ck_assert_str_eq(check(&s, 0), "");
	ck_assert_str_eq(answer_of(&s), "revoked");
	end(&s);
}
END_TEST

/* Of one that is out of date that is told elsewhere. */
START_TEST(test_expired)
{
	struct scene s;

	begin(&s);
	s.config.seal_revocation = REVOCATION_REQUIRE;
	open_seals(&s);
	ck_assert_str_eq(check(&s, 1000), "");
	end(&s);
	seals_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("seals");
	TCase *t = tcase_create("seals");
	int status;

	root = authority_issue(&(struct authority_wish){.name = "root", .ca = true});
	authority_write_pem(authority_path("root.pem"), root, NULL, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_standing, 0, sizeof standings / sizeof *standings);
	tcase_add_test(t, test_told);
	tcase_add_test(t, test_any_set);
	tcase_add_test(t, test_revoked_stays);
	tcase_add_test(t, test_expired);
	suite_add_tcase(s, t);
	status = unit_run(s);
	X509_free(root);
	return status;
}
