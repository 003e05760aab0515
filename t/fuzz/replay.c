/* replay: runs a fuzz target on every file of its corpus, each one a TAP line. A
 * target that breaks its promise aborts, and the run is then without its plan.
 * The target's name is the program's: fuzz_mime_replay reads t/fuzz/corpus/mime, or the
 * folder that is its argument. Where SEAL_CORPORA says so (contrib/check) it reads what
 * others made too: each file in the folders there.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "fuzz_"
#define SUFFIX "_replay"
#define INPUT_MAX (4 * 1024 * 1024)

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && entry->d_type != DT_DIR;
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The whole file in memory of its own size, so that a sanitizer sees what is read
 * behind its end. NULL: it cannot be read. */
static unsigned char *
read_file(const char *folder, const char *name, size_t *size)
{
	unsigned char *data = malloc(INPUT_MAX);
	char *path;
	FILE *f;

	if (data == NULL || asprintf(&path, "%s/%s", folder, name) < 0)
		abort();
	f = fopen(path, "rb");
	free(path);
	if (f == NULL) {
		free(data);
		return NULL;
	}
	*size = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	return realloc(data, *size == 0 ? 1 : *size);
}

static int
replay(const char *folder, const char *name, int number)
{
	size_t size = 0;
	unsigned char *data = read_file(folder, name, &size);

	if (data != NULL)
		LLVMFuzzerTestOneInput(data, size);
	printf("%s %d - %s\n", data == NULL ? "not ok" : "ok", number, name);
	fflush(stdout);
	free(data);
	return data == NULL;
}

/* t/fuzz/corpus/mime for fuzz_mime_replay. */
static char *
corpus_of(const char *program)
{
	const char *top = getenv("top_srcdir"), *name = strstr(program, PREFIX);
	char *folder;
	int len;

	while (name != NULL && strstr(name + 1, PREFIX) != NULL)
		name = strstr(name + 1, PREFIX);
	name = name == NULL ? program : name + strlen(PREFIX);
	len = strstr(name, SUFFIX) == NULL ? (int)strlen(name) : (int)(strstr(name, SUFFIX) - name);
	if (asprintf(&folder, "%s/t/fuzz/corpus/%.*s", top == NULL ? "." : top, len, name) < 0)
		abort();
	return folder;
}

/* Replays each file of the folder. Returns how many; 0 also: it is none. */
static int
replay_folder(const char *folder, int first, int *failed)
{
	struct dirent **entry;
	int n = scandir(folder, &entry, is_input, by_name);

	for (int i = 0; i < n; i++) {
		*failed += replay(folder, entry[i]->d_name, first + i);
		free(entry[i]);
	}
	if (n < 0)
		return 0;
	free(entry);
	return n;
}

/* Returns how many; none at all is a failure. */
static int
replay_corpora(const char *corpora, int first, int *failed)
{
	struct dirent **entry;
	int n = scandir(corpora, &entry, is_visible, by_name), count = 0;
	char *folder;

	for (int i = 0; i < n; i++) {
		if (asprintf(&folder, "%s/%s", corpora, entry[i]->d_name) < 0)
			abort();
		count += replay_folder(folder, first + count, failed);
		free(folder);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	if (count > 0)
		return count;
	printf("not ok %d - there is nothing in SEAL_CORPORA, %s\n", first, corpora);
	*failed += 1;
	return 1;
}

int
main(int argc, char **argv)
{
	const char *corpora = argc > 1 ? NULL : getenv("SEAL_CORPORA");
	char *folder = argc > 1 ? strdup(argv[1]) : corpus_of(argv[0]);
	int failed = 0, n = replay_folder(folder, 1, &failed);

	if (n == 0) {
		printf("1..1\nnot ok 1 - no corpus in %s\n", folder);
		free(folder);
		return EXIT_FAILURE;
	}
	if (corpora != NULL)
		n += replay_corpora(corpora, n + 1, &failed);
	free(folder);
	printf("1..%d\n", n);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
