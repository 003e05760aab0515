#include "base/budget.h"

#include <sys/mman.h>

struct budget *
budget_new(size_t limit)
{
	struct budget *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (b == MAP_FAILED)
		return NULL;
	b->limit = limit; /* anonymous memory is zero: the counters need no more */
	return b;
}

void
budget_free(struct budget *b)
{
	if (b != NULL)
		munmap(b, sizeof *b);
}

/* The sum is taken anew each time: a total kept beside the slots would be wrong
 * for ever once a gate was killed between changing the one and the other. */
static size_t
total(struct budget *b)
{
	size_t sum = 0;

	for (unsigned i = 0; i < BUDGET_SLOTS; i++)
		sum += atomic_load(&b->used[i]);
	return sum;
}

bool
budget_take(struct budget *b, unsigned slot, size_t octets)
{
	if (octets > b->limit)
		return false;
	atomic_fetch_add(&b->used[slot], octets);
	if (total(b) <= b->limit)
		return true;
	budget_give(b, slot, octets);
	return false;
}

void
budget_give(struct budget *b, unsigned slot, size_t octets)
{
	atomic_fetch_sub(&b->used[slot], octets);
}

void
budget_reset_slot(struct budget *b, unsigned slot)
{
	atomic_store(&b->used[slot], 0);
}
