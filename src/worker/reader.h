/* reader: the inbox, read by a process that has nothing else.
 *
 * The file is gate's, and so is its -shm, which SQLite maps: whoever has taken over gate can have a reader hang, or fall
 * over SIGBUS or a fault of SQLite. So each look is a process of its own, which is given READER_SECONDS and STORE_FOREIGN_MEMORY; it
 * has no journal, key or socket of ours open and is forked by one that was forked when worker had no threads yet and held
 * nothing. What it says is looked at like anything from outside.
 *
 * One thread at a time.
 */
#ifndef WORKER_READER_H
#define WORKER_READER_H

#include "store/guesses.h"
#include "store/inbox.h"

#define READER_SECONDS 10 /* that one look may take */

struct reader;

/* Forks: the caller has one thread, and is the user that it will stay. The files need not be there. CANT_TELL: no process,
 * no memory. */
enum answer reader_start(const char *inbox_path, const char *guesses_path, struct reader **reader, struct error *err);
void reader_stop(struct reader *reader); /* NULL is safe */
/* It has died, and no other can be forked now: worker has to be started anew. */
bool reader_is_gone(const struct reader *reader);

/* As inbox_read(); CANT_TELL "inbox" also where the look came to a bad end. */
enum answer reader_batch(struct reader *reader, int64_t after, struct inbox_batch *batch, struct error *err);
/* As inbox_proof(): NO: the inbox does not have it. */
enum answer reader_proof(struct reader *reader, const struct record *request, struct buf *out, struct error *err);
/* As guesses_list(), READER_GUESSES_MAX of them. */
#define READER_GUESSES_MAX 32
enum answer reader_guesses(struct reader *reader, int64_t now, guesses_each *each, void *arg, struct error *err);

#endif
