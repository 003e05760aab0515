/* directory_tool: ask the directories of a configuration, as gate does, from a script.
 *
 *     directory_tool CONFIG
 *
 * reads commands from standard input and answers each with a line of fields
 * parted by tabs:
 *
 *     find ADDRESS            answer, code, milliseconds, serials chosen, refusals' codes, reason
 *     all ADDRESS             the same with encrypt-to = all-suitable
 *     parallel N ADDRESS      N threads at once: how many had yes, no, can't tell; milliseconds
 *     lists ADDRESS FILE      does a directory list the certificate in FILE? answer, code, milliseconds, "", "", reason
 *     login LOGIN ADDRESS     answer, code, milliseconds, "", "", reason
 *     probe                   answer, names of those that cannot be asked
 *     deadline MILLISECONDS   for what follows; 8000 at first
 *     at SECONDS              since 1970, for what follows; 0: now
 */
#include "directory/directory.h"
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 8192
#define THREADS_MAX 100

struct tool {
	const struct config *config;
	struct trusts *trusts;
	struct directories *directories;
	long deadline_ms;
	time_t at;
};

static const char *
name_of(enum answer answer)
{
	return answer == ANSWER_YES ? "yes" : answer == ANSWER_NO ? "no" : "can't-tell";
}

static long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000L;
}

static struct timespec
deadline(const struct tool *tool)
{
	long end = now_ms() + tool->deadline_ms;

	return (struct timespec){.tv_sec = end / 1000, .tv_nsec = end % 1000 * 1000000L};
}

static void
find(const struct tool *tool, const char *address, enum config_encrypt_to encrypt_to, struct directory_result *r)
{
	struct timespec end = deadline(tool);

	unsigned left = tool->config->fetch_limit;
	struct directory_question question = {
		.address = slice_str(address), .encrypt_to = encrypt_to, .now = tool->at != 0 ? tool->at : time(NULL),
		.deadline = &end, .left = &left,
	};

	directory_find(tool->directories, &question, r);
}

static void
print_find(const struct tool *tool, const char *address, enum config_encrypt_to encrypt_to)
{
	struct directory_result r;
	long begin = now_ms(), end;

	find(tool, address, encrypt_to, &r);
	end = now_ms();
	printf("%s\t%s\t%ld\t", name_of(r.answer), r.reason.code == NULL ? "" : r.reason.code, end - begin);
	for (size_t i = 0; i < r.candidate_count; i++)
		if (r.candidates[i].chosen)
			printf("%s ", r.candidates[i].cert->serial);
	printf("\t");
	for (size_t i = 0; i < r.candidate_count; i++)
		if (!r.candidates[i].usable)
			printf("%s ", r.candidates[i].refusal.code);
	printf("\t%s\n", r.reason.words);
	directory_result_free(&r);
}

static void
print_login(const struct tool *tool, const char *login, const char *address)
{
	struct error err = ERROR_NONE;
	struct timespec end = deadline(tool);
	long begin = now_ms();
	enum answer answer = directory_login_matches(tool->directories, slice_str(login), slice_str(address), &end, &err);

	printf("%s\t%s\t%ld\t\t\t%s\n", name_of(answer), err.code == NULL ? "" : err.code, now_ms() - begin, err.words);
}

static void
print_lists(const struct tool *tool, const char *address, const char *path)
{
	struct error err = ERROR_NONE;
	struct timespec end = deadline(tool);
	long begin = now_ms();
	struct cert **certs;
	enum answer answer;
	size_t count;

	if (cert_read_file(path, &certs, &count, &err) != ANSWER_YES)
		exit(1);
	answer = directory_lists(tool->directories, slice_str(address), certs[0]->digest, &end, &err);
	printf("%s\t%s\t%ld\t\t\t%s\n", name_of(answer), err.code == NULL ? "" : err.code, now_ms() - begin, err.words);
	cert_free_array(certs, count);
}

static void
print_name(void *arg, const char *directory, const struct error *err)
{
	(void)err;
	strncat(arg, directory, LINE_SIZE - 1 - strlen(arg));
}

static void
print_probe(const struct tool *tool)
{
	char names[LINE_SIZE] = "";
	struct timespec end = deadline(tool);
	enum answer answer = directories_probe(tool->directories, &end, print_name, names);

	printf("%s\t%s\n", name_of(answer), names);
}

struct one_of_many {
	const struct tool *tool;
	const char *address;
	enum answer answer;
};

static void *
find_in_thread(void *arg)
{
	struct one_of_many *one = arg;
	struct directory_result r;

	find(one->tool, one->address, ENCRYPT_TO_NEWEST, &r);
	one->answer = r.answer;
	directory_result_free(&r);
	return NULL;
}

static void
print_parallel(const struct tool *tool, unsigned count, const char *address)
{
	struct one_of_many many[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	unsigned answers[3] = {0, 0, 0};
	long begin = now_ms();

	if (count > THREADS_MAX)
		count = THREADS_MAX;
	for (unsigned i = 0; i < count; i++) {
		many[i] = (struct one_of_many){.tool = tool, .address = address};
		if (pthread_create(&threads[i], NULL, find_in_thread, &many[i]) != 0)
			exit(1);
	}
	for (unsigned i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
		answers[many[i].answer]++;
	}
	printf("%u\t%u\t%u\t%ld\n", answers[ANSWER_YES], answers[ANSWER_NO], answers[ANSWER_CANT_TELL],
		now_ms() - begin);
}

static void
obey(struct tool *tool, char *line)
{
	char *rest = line, *verb = strsep(&rest, " "), *more;

	if (rest == NULL) {
		print_probe(tool);
	} else if (strcmp(verb, "find") == 0) {
		print_find(tool, rest, ENCRYPT_TO_NEWEST);
	} else if (strcmp(verb, "all") == 0) {
		print_find(tool, rest, ENCRYPT_TO_ALL);
	} else if (strcmp(verb, "deadline") == 0) {
		tool->deadline_ms = atol(rest);
	} else if (strcmp(verb, "at") == 0) {
		tool->at = (time_t)atoll(rest);
	} else {
		more = strsep(&rest, " ");
		if (strcmp(verb, "parallel") == 0)
			print_parallel(tool, (unsigned)atoi(more), rest);
		else if (strcmp(verb, "lists") == 0)
			print_lists(tool, more, rest);
		else
			print_login(tool, more, rest);
	}
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct tool tool = {.deadline_ms = 8000};
	struct config *config;
	struct error err;
	char line[LINE_SIZE];

	log_open("directory_tool", LOG_MAIL, true);
	if (argc != 2 || config_parse(argv[1], &config, NULL, NULL, &err) != ANSWER_YES ||
		trusts_new(config, &tool.trusts, &err) != ANSWER_YES ||
		directories_new(config, tool.trusts, &tool.directories, &err) != ANSWER_YES) {
		fprintf(stderr, "directory_tool: %s\n", argc == 2 ? err.words : "usage: directory_tool CONFIG");
		return 1;
	}
	tool.config = config;
	while (fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		obey(&tool, line);
	}
	directories_free(tool.directories);
	trusts_free(tool.trusts);
	config_unref(config);
	return 0;
}
