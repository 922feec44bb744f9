/* SPDX-License-Identifier: MIT
 *
 * raw: a system call past any library, which syscall(2) would not be. Returns what the kernel
 * does: -errno for an error. Arguments left out are 0.
 */
#ifndef USHIM_TESTS_RAW_H
#define USHIM_TESTS_RAW_H

#include "../../shim/base/sys.h"

#define raw sys_program

#endif
