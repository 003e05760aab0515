#include "pki/status.h"

#include <stddef.h>

static const char *const reasons[] = {"unspecified", "keyCompromise", "cACompromise", "affiliationChanged",
	"superseded", "cessationOfOperation", "certificateHold", NULL, "removeFromCRL", "privilegeWithdrawn",
	"aACompromise"};

bool
status_is_reason(unsigned number)
{
	return number < sizeof reasons / sizeof reasons[0] && reasons[number] != NULL;
}

const char *
status_reason_text(enum status_reason reason)
{
	return status_is_reason((unsigned)reason) ? reasons[reason] : "unspecified";
}
