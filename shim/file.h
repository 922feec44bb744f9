/* SPDX-License-Identifier: MIT
 *
 * file: what statistics and traces are appended to, without stdio, and only where opening a file
 * cannot end the process.
 */
#ifndef USHIM_FILE_H
#define USHIM_FILE_H

#include <stdbool.h>

#include "text.h"

/*
 * Appends TEXT to the file PATH with one write(2), behind FIRST where the file is still
 * empty. Nothing at all where RLIMIT_FSIZE would cut it.
 */
void file_append(const struct text *text, const char *path, const char *first);

/* True where opening a file might end a process that put a filter on itself. */
bool file_may_kill(void);

/* To be called at start, before the program can have installed a filter. */
void file_note_start(void);

#endif
