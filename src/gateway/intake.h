/* intake: what a gate has open to take requests for revocation: inbox, journal, count of guesses, worker's public key.
 *
 * One a process, whatever configuration is in force; opened after the fork. What is not there yet, as worker makes it, is looked for
 * again each time. Threads: all functions but _new and _free may be called from any.
 */
#ifndef GATEWAY_INTAKE_H
#define GATEWAY_INTAKE_H

#include "config/config.h"
#include "revocation/proof.h"
#include "store/guesses.h"
#include "store/inbox.h"

#define INTAKE_INBOX "inbox"     /* files in inbox-directory */
#define INTAKE_GUESSES "guesses"
#define INTAKE_JOURNAL "journal" /* in journal-directory */

struct intake;

/* Copies what it needs of config. NULL: no memory. */
struct intake *intake_new(const struct config *config);
void intake_free(struct intake *intake); /* NULL is safe; nobody may be using it */

/* Are its folders those that config names? It goes on with its own where they are not. */
bool intake_serves(const struct intake *intake, const struct config *config);

/* Each CANT_TELL: it cannot be had now. Borrowed. */
enum answer intake_inbox(struct intake *intake, struct inbox **inbox, struct error *err);
enum answer intake_guesses(struct intake *intake, struct guesses **guesses, struct error *err);
enum answer intake_journal(struct intake *intake, struct journal **journal, struct error *err);
enum answer intake_proof(struct intake *intake, const struct proof_key **key, struct error *err);

/* Removes from the inbox what worker has decided; called every few seconds by one gate. */
void intake_tidy(struct intake *intake);

#endif
