/* carry: accepted requests carried out by their authorities' commands, and what is late said.
 *
 * accepted -> begun -> executed | failed | interrupted, as revocation/schedule.h plans. A request whose certificate another one
 * has revoked already is executed without a run, and said to have been; so is one that somebody says he has done by hand. What a
 * command did is kept until the journal has it. All functions are the main thread's; commands run in threads, one for
 * an authority at a time.
 */
#ifndef WORKER_CARRY_H
#define WORKER_CARRY_H

#include "worker/work.h"

struct carry;

/* NULL: no memory. Begun entries of a process that is no more are dealt with by the first plan. */
struct carry *carry_new(struct work *w);
/* Waits for commands that run, as nobody would know what they did, and records how they ended. NULL is safe. */
void carry_free(struct carry *carry);

/* Begins what is due at that time and says what is late. CANT_TELL: the journal, or memory. */
enum answer carry_plan(struct carry *carry, time_t now, struct error *err);
/* How many commands run. */
unsigned carry_running(struct carry *carry);

#endif
