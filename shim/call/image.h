/* SPDX-License-Identifier: MIT
 *
 * image: the end of this process image, by exit, by exec, or by a filter under which nothing can be
 * told any more.
 */
#ifndef USHIM_IMAGE_H
#define USHIM_IMAGE_H

/*
 * WHAT is done at each end before the record of it is written, last registered first. At most IMAGE_ENDS of
 * them; it may be called more than once (an exec that fails), and in the child of a vfork.
 */
enum { IMAGE_ENDS = 4 };
void image_at_end(void (*what)(void));

/* Writes what is to be kept of this process: HOW it ends ("exit", "exec", ...). */
void image_ends(const char *how);

#endif
