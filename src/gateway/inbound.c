#include "gateway/inbound.h"
