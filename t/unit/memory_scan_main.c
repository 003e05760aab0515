/* memory_scan PID KEYFILE [PASSFILE]: one line a secret, `hits name`, then the
 * number of octets looked at. Exit status 0: looked; 2: could not. */
#include "memory_scan.h"

#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
	struct memory_scan scan;
	ssize_t seen;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: memory_scan PID KEYFILE [PASSFILE]\n");
		return 2;
	}
	memory_scan_init(&scan);
	if (!memory_scan_add_key(&scan, argv[2], argc == 4 ? argv[3] : NULL)) {
		fprintf(stderr, "memory_scan: %s: cannot read the key\n", argv[2]);
		memory_scan_free(&scan);
		return 2;
	}
	seen = memory_scan_process(&scan, (pid_t)atoi(argv[1]));
	if (seen <= 0) {
		fprintf(stderr, "memory_scan: cannot read the memory of %s\n", argv[1]);
		memory_scan_free(&scan);
		return 2;
	}
	for (size_t i = 0; i < scan.count; i++)
		printf("%zu %s\n", scan.needle[i].hits, scan.needle[i].name);
	printf("%zd octets looked at\n", seen);
	memory_scan_free(&scan);
	return 0;
}
