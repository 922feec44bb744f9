/* SPDX-License-Identifier: MIT
 *
 * filestream: which of stdio's streams a call is about, and whether it takes anything from it but
 * the contents of a regular file.
 */
#ifndef USHIM_FILESTREAM_H
#define USHIM_FILESTREAM_H

#include <stdbool.h>

#include "call/passage.h"

/* The stream PASSAGE reads from, positions, buffers or closes; null where it does none of these. */
struct _IO_FILE *filestream_of(const struct passage *passage);

/*
 * True if PASSAGE only reads from, positions, buffers or closes a stream that cannot be written
 * to, and whose descriptor, *FD, is that of a regular file: then nothing is written out by it,
 * neither of this stream nor (as before a read from a terminal) of others.
 */
bool filestream_only_reads(const struct passage *passage, int *fd);

/* True if fopen's MODE opens a stream that cannot be written to. False where it cannot be read. */
bool filestream_mode_reads(const char *mode);

#endif
