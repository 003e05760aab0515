#include "gateway/judge.h"
