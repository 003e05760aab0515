/* budget: how many octets of mail all gates together may hold in memory.
 *
 * Gates are processes, so the counters live in shared memory that the
 * supervisor makes before it starts them. Each gate has a slot of its own: when
 * a gate dies, the supervisor sets its slot to zero, so that nothing leaks.
 * Taking and giving is safe in every thread.
 */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define BUDGET_SLOTS 16 /* gates at the most: one a listener */

struct budget {
	atomic_size_t limit; /* octets; a reload changes it */
	atomic_size_t used[BUDGET_SLOTS];
};

/* In shared memory, for processes forked later; NULL when there is none. */
struct budget *budget_new(size_t limit);
void budget_free(struct budget *b);

/* False: the limit would be passed; nothing was taken. */
bool budget_take(struct budget *b, unsigned slot, size_t octets);
void budget_give(struct budget *b, unsigned slot, size_t octets);
/* The slot's owner is dead: what it held is free again. */
void budget_reset_slot(struct budget *b, unsigned slot);

#endif
