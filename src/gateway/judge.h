/* judge: what is the maker of each signature worth? (RFC 8550 3, 4, RFC 5280 6)
 *
 * The only place of inbound mail where something outside the process is asked: a directory
 * that may vouch for a certificate without an address. Threads: any, each its own struct.
 */
#ifndef GATEWAY_JUDGE_H
#define GATEWAY_JUDGE_H

#include "gateway/inbound.h"

/* Fills the verdict facts of every signer. CANT_TELL: no memory; that a directory
 * cannot be asked is a fact like others. */
enum answer judge_signers(struct gateway *g, struct inbound *in, time_t now, struct error *err);

#endif
