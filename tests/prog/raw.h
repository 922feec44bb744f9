/* SPDX-License-Identifier: MIT
 *
 * raw: a system call past any library, which syscall(2) would not be. Returns what the kernel
 * does: -errno for an error. Arguments left out are 0.
 */
#ifndef USHIM_TESTS_RAW_H
#define USHIM_TESTS_RAW_H

#define raw(...) RAW_FILLED(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define RAW_FILLED(nr, a, b, c, d, e, f, ...) \
	raw_call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline long raw_call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#endif
