/* hold_faults: certificates on hold where their authority says that it never suspends any.
 *
 * The certification policy of I.CA (CP QC 1.12, 4.9.13 and table 8) rules certificateHold out: where it
 * is there nevertheless, something is wrong at the authority. The certificate counts as revoked; people are told,
 * once a list. Threads: all functions but _new and _free may be called from any.
 */
#ifndef PKI_HOLD_FAULTS_H
#define PKI_HOLD_FAULTS_H

#include "pki/cert.h"

#define HOLD_FAULTS_LOGGED_MAX 64 /* that are remembered to have been logged */

struct hold_faults;

struct hold_faults *hold_faults_new(void); /* NULL: no memory */
void hold_faults_free(struct hold_faults *faults); /* NULL is safe */

/* Is the authority of that name one of those? */
bool hold_faults_are_of(const X509_NAME *authority);
/* Logs "crl-fault", unless that source said so of the same digest and time before. */
void hold_faults_log(struct hold_faults *faults, const char *source, const unsigned char digest[32],
	time_t this_update);

#endif
