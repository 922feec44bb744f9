/* SPDX-License-Identifier: MIT */
#include "base/sys.h"
#include "ring_private.h"

int ring_sys_setup(unsigned entries, struct io_uring_params *params)
{
	return (int)sys(SYS_io_uring_setup, entries, params);
}
