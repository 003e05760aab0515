/* memory_scan: looks for secrets in another process' memory.
 *
 * Every readable mapping of /proc/PID/mem is searched for a set of byte strings.
 * Needs to be root, which may read a process that is not dumpable too.
 */
#ifndef MEMORY_SCAN_H
#define MEMORY_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SCAN_NEEDLES 32
#define SCAN_NEEDLE_MIN 12 /* octets: shorter strings turn up by chance */

struct memory_scan_needle {
	char name[32];
	unsigned char *bytes;
	size_t len;
	size_t hits;
};

struct memory_scan {
	struct memory_scan_needle needle[SCAN_NEEDLES];
	size_t count;
};

void memory_scan_init(struct memory_scan *scan);
void memory_scan_free(struct memory_scan *scan);
bool memory_scan_add(struct memory_scan *scan, const char *name, const void *bytes, size_t len);
/* p q d dP dQ qInv, or the EC scalar, in both byte orders, a piece of the PEM
 * text, and the pass phrase. Loads the key into this process, so that must not be
 * the one that is looked at, nor fork it afterwards. pass_file may be NULL. */
bool memory_scan_add_key(struct memory_scan *scan, const char *key_file, const char *pass_file);
/* Counts the hits of all needles from zero. Octets looked at, -1 on error. */
ssize_t memory_scan_process(struct memory_scan *scan, pid_t pid);
/* All needles whose names begin with prefix ("": all). */
size_t memory_scan_hits(const struct memory_scan *scan, const char *prefix);

#endif
