#include "gateway/results.h"
