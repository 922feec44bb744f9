/* SPDX-License-Identifier: MIT
 *
 * regs: the caller's argument registers, as shim/over/stubs.S saves them.
 */
#ifndef USHIM_REGS_H
#define USHIM_REGS_H

struct regs {
	long arg[6];
	long rax;
	long pad;
	unsigned char vector[8][16];
};

#endif
