/* SPDX-License-Identifier: MIT
 *
 * sys: system calls made by the shim for itself.
 *
 * They go straight to the kernel: no interposer sees them, errno is not touched, they are no
 * cancellation points, and they may be made before libc is bound and inside a signal handler.
 * Every function returns the kernel's value: a result, or -errno.
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

#define SYS_CALL_7TH(nr, a, b, c, d, e, f, ...) \
	sys_call6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* sys(SYS_x, up to six arguments): missing ones are zero. */
#define sys(...) SYS_CALL_7TH(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#endif
