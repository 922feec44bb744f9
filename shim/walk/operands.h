/* SPDX-License-Identifier: MIT
 *
 * operands: the command line, whose names a program may come to one after the other.
 */
#ifndef USHIM_OPERANDS_H
#define USHIM_OPERANDS_H

/* What main gets. A command line of one argument has no order. */
void operands_note(int argc, char **argv);

/* The argument INDEX behind the program's own name; "" where it is no name, null behind the last. */
const char *operands_at(int index);

#endif
