#include "gateway/made.h"

#include <openssl/sha.h>

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define BEGINNING 4096 /* octets that are looked at */
#define END 256

/* Two processes may write one place at once; the fingerprint that they mix
 * is nobody's, and so both are forgotten, no more. */
struct made {
	atomic_uint next;
	unsigned char fingerprint[MADE_MAX][SHA256_DIGEST_LENGTH];
};

struct made *
made_new(void)
{
	struct made *made = mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return made == MAP_FAILED ? NULL : made;
}

void
made_free(struct made *made)
{
	if (made != NULL)
		munmap(made, sizeof *made);
}

static bool
take_fingerprint(struct slice der, unsigned char fingerprint[SHA256_DIGEST_LENGTH])
{
	unsigned char octets[BEGINNING + END + sizeof der.len];
	struct slice beginning = slice_sub(der, 0, BEGINNING);
	struct slice end = slice_sub(der, der.len > END ? der.len - END : 0, der.len);

	if (der.len == 0)
		return false;
	memcpy(octets, &der.len, sizeof der.len);
	memcpy(octets + sizeof der.len, beginning.data, beginning.len);
	memcpy(octets + sizeof der.len + beginning.len, end.data, end.len);
	return SHA256(octets, sizeof der.len + beginning.len + end.len, fingerprint) != NULL;
}

void
made_add(struct made *made, struct slice der)
{
	unsigned char fingerprint[SHA256_DIGEST_LENGTH];

	if (take_fingerprint(der, fingerprint))
		memcpy(made->fingerprint[atomic_fetch_add(&made->next, 1) % MADE_MAX], fingerprint, sizeof fingerprint);
}

bool
made_has(struct made *made, struct slice der)
{
	unsigned char fingerprint[SHA256_DIGEST_LENGTH];

	if (!take_fingerprint(der, fingerprint))
		return false;
	for (size_t i = 0; i < MADE_MAX; i++)
		if (memcmp(made->fingerprint[i], fingerprint, sizeof fingerprint) == 0)
			return true;
	return false;
}
