// What the addon's glue needs of the pool beyond Runtime.
#pragma once
#include "kernels.h"
void set_threads(int count);
int threads();
int64_t multiplies_done();
void stop_threads();
