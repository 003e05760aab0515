#include "gateway/handover.h"
