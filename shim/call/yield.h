/* SPDX-License-Identifier: MIT
 *
 * yield: hands the kernel's answer over into the program's memory, in the form it asked for.
 */
#ifndef USHIM_YIELD_H
#define USHIM_YIELD_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Fills in TO, which may point nowhere: false, and no more written than the program's own call
 * writes over, where that will say EFAULT.
 */
bool yield_stat(struct stat *to, const struct statx *from);
bool yield_statx(struct statx *to, const struct statx *from);

#endif
