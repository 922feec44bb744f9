/* SPDX-License-Identifier: MIT */
#include "call/image.h"

#include "report/stats.h"
#include "report/trace.h"

static void (*ends[IMAGE_ENDS])(void);
static unsigned count;

void image_at_end(void (*what)(void))
{
	if (count < IMAGE_ENDS)
		ends[count++] = what;
}

void image_ends(const char *how)
{
	for (unsigned i = count; i > 0; i--)
		ends[i - 1]();
	stats_write(how);
	trace_write();
}
