#include "unit.h"

#include "milter/listen.h"
#include "milter/notify.h"
#include "milter/process.h"
#include "milter/version.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* 0xMNN00PP0 */
#define NUMBER(major, minor, patch) ((unsigned long)(major) << 28 | (minor) << 20 | (patch) << 4)

START_TEST(version_is_judged)
{
	struct error err;

	ck_assert_int_eq(version_judge(NUMBER(3UL, 0UL, 22UL), &err), ANSWER_YES);
	ck_assert_int_eq(version_judge(NUMBER(3UL, 0UL, 99UL), &err), ANSWER_YES);
	ck_assert_int_eq(version_judge(NUMBER(3UL, 0UL, 21UL), &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "old-openssl");
	ck_assert_ptr_nonnull(strstr(err.words, "3.0.21"));
	ck_assert_ptr_nonnull(strstr(err.words, "allow-old-openssl"));
	ck_assert_int_eq(version_judge(NUMBER(1UL, 1UL, 1UL), &err), ANSWER_NO);
	ck_assert_int_eq(version_judge(NUMBER(3UL, 1UL, 0UL), &err), ANSWER_CANT_TELL);
	ck_assert_int_eq(version_judge(NUMBER(3UL, 5UL, 30UL), &err), ANSWER_CANT_TELL);
	ck_assert_ptr_nonnull(strstr(err.words, "3.5.30"));
	ck_assert_int_eq(version_judge(NUMBER(4UL, 0UL, 0UL), &err), ANSWER_CANT_TELL);
}
END_TEST

/* A bound datagram socket; name begins with '/' or '@'. */
static int
service_manager(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	memcpy(a.sun_path, name, strlen(name));
	if (*name == '@')
		a.sun_path[0] = '\0';
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	return fd;
}

static void
expect_note(const char *name)
{
	char text[64] = "";
	int fd = service_manager(name);

	ck_assert_int_eq(notify_send(name, "READY=1\nSTATUS=x"), 0);
	ck_assert_int_gt(recv(fd, text, sizeof text - 1, MSG_DONTWAIT), 0);
	ck_assert_str_eq(text, "READY=1\nSTATUS=x");
	close(fd);
}

START_TEST(service_manager_is_told)
{
	char directory[] = "/tmp/notify.XXXXXX", path[64], name[64], long_name[300];

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/n", directory);
	snprintf(name, sizeof name, "@sealmilter-test-%ld", (long)getpid());
	expect_note(path);
	expect_note(name);
	ck_assert_int_eq(notify_send(NULL, "READY=1"), 0);
	memset(long_name, 'x', sizeof long_name - 1);
	long_name[0] = '/';
	long_name[sizeof long_name - 1] = '\0';
	ck_assert_int_eq(notify_send(long_name, "READY=1"), -1);
	ck_assert_int_eq(notify_send("relative", "READY=1"), -1);
	ck_assert_int_eq(notify_send("", "READY=1"), -1);
	unlink(path);
	ck_assert_int_eq(notify_send(path, "READY=1"), -1);
	rmdir(directory);
}
END_TEST

START_TEST(a_manager_that_does_not_read_is_not_waited_for)
{
	char name[64];
	int fd, sent = 0;

	snprintf(name, sizeof name, "@sealmilter-deaf-%ld", (long)getpid());
	fd = service_manager(name);
	while (sent < 100000 && notify_send(name, "READY=1") == 0)
		sent++;
	ck_assert_int_eq(errno, EAGAIN);
	close(fd);
}
END_TEST

START_TEST(users_are_found)
{
	struct process_user user;
	struct error err;

	ck_assert_int_eq(process_user_find(NULL, &user, &err), ANSWER_YES);
	ck_assert(!user.given);
	ck_assert_uint_eq(user.uid, geteuid());
	ck_assert_int_eq(process_user_find("root", &user, &err), geteuid() == 0 ? ANSWER_YES : ANSWER_NO);
	ck_assert_int_eq(process_user_find("no-such-user", &user, &err), ANSWER_NO);
	ck_assert_ptr_nonnull(strstr(err.words, "no-such-user"));
}
END_TEST

static struct config_listener
unix_listener(char *socket)
{
	return (struct config_listener){.name = "work", .socket = socket, .mode = 0600};
}

START_TEST(path_is_removed_only_while_it_is_ours)
{
	char directory[] = "/tmp/listen.XXXXXX", text[64];
	const struct process_user nobody = {.given = false};
	struct listen_socket first, second;
	struct config_listener l;
	struct error err;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(text, sizeof text, "unix:%s/s", directory);
	l = unix_listener(text);
	ck_assert_int_eq(listen_open(&l, false, &nobody, &first, &err), ANSWER_YES);
	listen_close(&first); /* as after a crash: the path stays, nobody answers */
	ck_assert_int_eq(listen_open(&l, false, &nobody, &second, &err), ANSWER_YES);
	listen_remove(&first);
	ck_assert_int_eq(access(text + 5, F_OK), 0);
	listen_remove(&second);
	ck_assert_int_eq(access(text + 5, F_OK), -1);
	listen_close(&second);
	ck_assert_int_eq(rmdir(directory), 0); /* no leftover of any kind */
}
END_TEST

START_TEST(unusable_sockets_are_named)
{
	static char long_path[] = "unix:/tmp/"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	static char *const bad[] = {
		"unix:/tmp/nonexistent-folder/s", "inet:99999999@127.0.0.1", "inet:@", "inet:25@", "inet:0@192.0.2.1",
		"inet6:0@::", "inet:0", "nothing", long_path,
	};
	const struct process_user nobody = {.given = false};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct config_listener l = unix_listener(bad[i]);
		struct listen_socket s;
		struct error err = ERROR_NONE;

		ck_assert_msg(listen_open(&l, false, &nobody, &s, &err) != ANSWER_YES, "%s", bad[i]);
		ck_assert_int_eq(s.fd, -1);
		ck_assert_str_ne(err.words, "");
		listen_remove(&s);
	}
}
END_TEST

START_TEST(nobody_can_connect_to_the_idle_socket)
{
	char directory[] = "/tmp/listen.XXXXXX";
	struct error err;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	fd = listen_idle(directory, &err);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(rmdir(directory), 0);
	ck_assert_int_eq(accept(fd, NULL, NULL), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(fd);
	ck_assert_int_eq(listen_idle("/nonexistent-folder", &err), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("milter");
	TCase *t = tcase_create("milter");

	tcase_add_test(t, version_is_judged);
	tcase_add_test(t, service_manager_is_told);
	tcase_add_test(t, a_manager_that_does_not_read_is_not_waited_for);
	tcase_add_test(t, users_are_found);
	tcase_add_test(t, path_is_removed_only_while_it_is_ours);
	tcase_add_test(t, unusable_sockets_are_named);
	tcase_add_test(t, nobody_can_connect_to_the_idle_socket);
	suite_add_tcase(s, t);
	return unit_run(s);
}
