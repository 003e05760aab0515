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

bool
budget_take(struct budget *b, unsigned slot, size_t octets)
{
	size_t now = atomic_load(&b->total);

	do {
		if (octets > b->limit || now > b->limit - octets)
			return false;
	} while (!atomic_compare_exchange_weak(&b->total, &now, now + octets));
	atomic_fetch_add(&b->used[slot], octets);
	return true;
}

void
budget_give(struct budget *b, unsigned slot, size_t octets)
{
	atomic_fetch_sub(&b->used[slot], octets);
	atomic_fetch_sub(&b->total, octets);
}

void
budget_reset_slot(struct budget *b, unsigned slot)
{
	atomic_fetch_sub(&b->total, atomic_exchange(&b->used[slot], 0));
}
