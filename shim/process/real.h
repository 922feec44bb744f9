/* SPDX-License-Identifier: MIT
 *
 * real: the next definition of every symbol we export, usually libc's.
 *
 * "Next" is what dlsym(RTLD_NEXT) means (dlsym(3)): the first definition in an object that
 * was loaded after this library, in the order the dynamic linker searches. Programs may have
 * further preloads behind this one, and see the same calls as without it.
 */
#ifndef USHIM_REAL_H
#define USHIM_REAL_H

#include <stdbool.h>

#include "table/table.h"

/* Address of the next definition of each symbol, or 0 while nobody has asked for it. */
extern void *ushim_real[SYM_COUNT];

/* While there is one thread: afterwards another one may be loading and unloading objects. */
void real_begin(void);

/*
 * Finds and keeps the next definition of SYM. Never null: where there is none, the address of
 * a function that fails with ENOSYS. Takes no lock, allocates nothing, leaves errno and
 * dlerror(3) alone; safe in signal handlers and in the child of a fork or vfork.
 */
void *real_bind(enum sym sym);

/*
 * Calls FOUND for every symbol that MATTERS and that an object between this library and libc defines: it
 * is the next one, and not libc's. Where an object cannot be searched, for all of them. As safe as
 * real_bind.
 */
void real_interposed(bool (*matters)(enum sym sym), void (*found)(enum sym sym));

static inline void *real_of(enum sym sym)
{
	void *real = __atomic_load_n(&ushim_real[sym], __ATOMIC_RELAXED);

	return real ? real : real_bind(sym);
}

/* REAL(pread)(fd, ...): the next pread, typed as its declaration in the system's header. */
#define REAL(name) ((__typeof__(&name))real_of(SYM_##name))

#endif
