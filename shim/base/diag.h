/* SPDX-License-Identifier: MIT
 *
 * diag: what the shim has to say: single lines on stderr, and records in files.
 */
#ifndef USHIM_DIAG_H
#define USHIM_DIAG_H

#include <stddef.h>

/*
 * Writes "ushim: ", the null-terminated list of PARTS and a newline with one write(2) to
 * descriptor 2, cut to one kilobyte, control characters as '?'. Says nothing where descriptor 2
 * is closed.
 */
void diag_line(const char *const *parts);

/*
 * One write(2) of LENGTH bytes to FD, without the signals it may raise: a broken pipe or a file
 * size limit must not end the program for something it did not write.
 */
void diag_write(int fd, const char *data, size_t length);

#endif
