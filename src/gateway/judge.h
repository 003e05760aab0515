/* judge: what is the maker of each signature worth? (RFC 8550 3, 4, RFC 5280 6)
 *
 * The only place of inbound mail where something outside the process is asked: who says what is
 * revoked, of all signers together within status-timeout and fetch-limit, the outermost first; then
 * a directory that may vouch for a certificate without an address, within rcpt-deadline.
 * Threads: any, each its own struct.
 */
#ifndef GATEWAY_JUDGE_H
#define GATEWAY_JUDGE_H

#include "gateway/inbound.h"

/* Fills in what is found out about every signer. CANT_TELL: no memory; that somebody cannot
 * be asked is a fact like others. What it borrows of g's trust sets lives as long as g. */
enum answer judge_signers(struct gateway *g, struct inbound *in, time_t now, struct error *err);

/* May anybody outside be asked because of what is in layer at? Not where it may be a ciphertext that somebody has altered. */
bool judge_may_ask(const struct layers *l, size_t at);

#endif
