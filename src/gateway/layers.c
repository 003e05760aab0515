#include "gateway/layers.h"
