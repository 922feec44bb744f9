/* SPDX-License-Identifier: MIT
 *
 * sys: system calls made by the shim for itself.
 *
 * They go straight to the kernel: no interposer sees them, errno is not touched, they are no
 * cancellation points, and they may be made before libc is bound and inside a signal handler.
 * Every function returns the kernel's value: a result, or -errno.
 *
 * Under a seccomp filter any of them may be the one that kills, so none is made there that was not found
 * to be let through (filter.h): sys returns -EPERM as if the kernel had said so.
 */
#ifndef USHIM_SYS_H
#define USHIM_SYS_H

#include <sys/syscall.h>

#if !defined(__x86_64__)
#error "libushim: only x86-64 has system call and entry stubs so far"
#endif

#ifdef __clang_analyzer__
/* It takes no inline assembly to write memory, and would call every result garbage. */
long sys_call6(long nr, long a, long b, long c, long d, long e, long f);
#else
static inline long sys_call6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#endif

enum sys_permit {
	SYS_UNKNOWN,   /* nobody has asked for a call yet */
	SYS_ALLOWED,
	SYS_FORBIDDEN,
	SYS_SOME,      /* those that a filter was found to let through */
};

extern enum sys_permit sys_permit __attribute__((visibility("hidden")));

/* As sys_call6, if it turns out to be allowed. */
long sys_asked(long nr, long a, long b, long c, long d, long e, long f);

static inline long sys_permitted(long nr, long a, long b, long c, long d, long e, long f)
{
	if (__builtin_expect(__atomic_load_n(&sys_permit, __ATOMIC_RELAXED) == SYS_ALLOWED, 1))
		return sys_call6(nr, a, b, c, d, e, f);
	return sys_asked(nr, a, b, c, d, e, f);
}

#define SYS_CALL_7TH(with, nr, a, b, c, d, e, f, ...) \
	with(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* sys(SYS_x, up to six arguments): missing ones are zero. */
#define sys(...) SYS_CALL_7TH(sys_permitted, __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/*
 * The same whatever is in force: for calls that the program itself is making through us, or the
 * loader has made just now.
 */
#define sys_program(...) SYS_CALL_7TH(sys_call6, __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#endif
