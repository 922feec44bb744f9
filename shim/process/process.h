/* SPDX-License-Identifier: MIT
 *
 * process: what is known of the process we live in: whether we may act yet, whose memory this
 * is (a fork's child has a copy, a vfork's child borrows it).
 */
#ifndef USHIM_PROCESS_H
#define USHIM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True from the library's constructor on, and never with USHIM=off. */
bool process_awake(void);
void process_wake(void);

/*
 * Memory that a forked child finds zeroed (MADV_WIPEONFORK, Linux 4.14): the kernel's own
 * word that this is another process, with no system call and for every way to fork.
 * Null when there is no memory. Size in bytes; freed by process_unmap.
 */
void *process_map_wiped(size_t size);

/* Memory that a forked child does not have at all (MADV_DONTFORK). */
void *process_map_private(size_t size);

/* Ordinary memory, which a forked child has a copy of. */
void *process_map_copied(size_t size);

/*
 * True once memory was refused (RLIMIT_AS, overcommitment): what is left is the program's, so the last
 * two ask for none any more.
 */
bool process_memory_refused(void);
void process_unmap(void *memory, size_t size);

/*
 * True if the caller runs in the process that owns this memory; false in the child of a
 * vfork or of a clone that shares it, which must not act in its parent's name. The first who
 * asks is the owner, so ask before there can be such a child.
 */
bool process_owns_memory(void);

/*
 * True in the child of a vfork (or the like) of a process whose owner is known; unlike above
 * nobody becomes the owner by asking.
 */
bool process_borrows_memory(void);

/* How many threads of this process are in the ring; null before anybody owned the memory. */
int *process_busy(void);

/* RLIMIT_FSIZE, or UINT64_MAX; another process may set it at any time (prlimit(1)). */
uint64_t process_file_size_limit(void);

/* True under valgrind, which cannot see what a ring writes to memory. */
bool process_emulated(void);

#endif
