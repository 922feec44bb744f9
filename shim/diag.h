/* SPDX-License-Identifier: MIT
 *
 * diag: what the shim has to say to a person: single lines on stderr, nothing else, ever.
 */
#ifndef USHIM_DIAG_H
#define USHIM_DIAG_H

/*
 * Writes "ushim: ", the null-terminated list of PARTS and a newline with one write(2) to
 * descriptor 2, cut to one kilobyte, control characters as '?'. Says nothing where descriptor 2 is closed.
 */
void diag_line(const char *const *parts);

#endif
