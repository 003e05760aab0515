#include "watch.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pid_t
parent_of(pid_t pid)
{
	char path[64], line[512], *after;
	long parent = -1;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	f = fopen(path, "r");
	if (f == NULL)
		return -1;
	/* The name in parentheses may hold anything, so look for its last end. */
	if (fgets(line, sizeof line, f) != NULL && (after = strrchr(line, ')')) != NULL &&
	    sscanf(after + 1, " %*c %ld", &parent) != 1)
		parent = -1;
	fclose(f);
	return (pid_t)parent;
}

static bool
is_in(const struct watch *w, pid_t pid)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->pids[i] == pid)
			return true;
	return false;
}

/* Adds the children of those that are there; true: some were new. */
static bool
add_children(struct watch *w)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	bool added = false;

	if (d == NULL)
		return false;
	while ((e = readdir(d)) != NULL && w->count < WATCH_PROCESSES_MAX) {
		pid_t pid = isdigit((unsigned char)e->d_name[0]) ? (pid_t)atol(e->d_name) : 0;

		if (pid > 0 && !is_in(w, pid) && is_in(w, parent_of(pid))) {
			w->pids[w->count++] = pid;
			added = true;
		}
	}
	closedir(d);
	return added;
}

static uint64_t
cpu_of(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t
peak_of(pid_t pid)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "VmHWM: %lu", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

bool
watch_take(pid_t root, struct watch *w)
{
	*w = (struct watch){.pids = {root}, .count = 1};
	if (parent_of(root) < 0)
		return false;
	while (add_children(w))
		;
	for (size_t i = 0; i < w->count; i++) {
		w->cpu_ns += cpu_of(w->pids[i]);
		w->peak_kib += peak_of(w->pids[i]);
	}
	return w->count < WATCH_PROCESSES_MAX;
}

bool
watch_same(const struct watch *a, const struct watch *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!is_in(b, a->pids[i]))
			return false;
	return true;
}

bool
watch_reset_peak(const struct watch *w)
{
	bool all = true;

	for (size_t i = 0; i < w->count; i++) {
		char path[64];
		FILE *f;

		snprintf(path, sizeof path, "/proc/%ld/clear_refs", (long)w->pids[i]);
		f = fopen(path, "w");
		all = f != NULL && fputs("5", f) >= 0 && all;
		all = f != NULL && fclose(f) == 0 && all;
	}
	return all;
}
