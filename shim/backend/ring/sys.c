/* SPDX-License-Identifier: MIT */
#include "backend/ring/private.h"
#include "base/sys.h"

int ring_sys_setup(unsigned entries, struct io_uring_params *params)
{
	return (int)sys(SYS_io_uring_setup, entries, params);
}
