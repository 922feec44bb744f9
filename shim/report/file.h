/* SPDX-License-Identifier: MIT
 *
 * file: what statistics and traces are appended to, without stdio.
 */
#ifndef USHIM_FILE_H
#define USHIM_FILE_H

#include "base/text.h"

/*
 * Appends TEXT to the file PATH with one write(2), behind FIRST where the file is still
 * empty. Nothing at all where RLIMIT_FSIZE would cut it.
 */
void file_append(const struct text *text, const char *path, const char *first);

#endif
