/* SPDX-License-Identifier: MIT */
#include "process/process.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/sys.h"

static bool awake;

/* In wiped memory: zero in a forked child until it asks. */
static struct owner {
	int pid;
	int busy;
} *owner;

bool process_awake(void)
{
	return awake;
}

void process_wake(void)
{
	awake = true;
}

static bool memory_refused;

static void *map_refused(void)
{
	__atomic_store_n(&memory_refused, true, __ATOMIC_RELAXED);
	return NULL;
}

bool process_memory_refused(void)
{
	return __atomic_load_n(&memory_refused, __ATOMIC_RELAXED);
}

static void *map_advised(size_t size, int advice)
{
#ifdef __SANITIZE_THREAD__ /* it would take new memory at an old address for the old */
	long memory = (long)mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				 -1, 0);
#else
	long memory = sys(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
#endif

	if (memory < 0 && memory > -4096)
		return map_refused();
	if (sys(SYS_madvise, memory, size, advice) != 0) {
		sys(SYS_munmap, memory, size);
		return NULL;
	}
	return (void *)memory;
}

void *process_map_wiped(size_t size)
{
	return map_advised(size, MADV_WIPEONFORK);
}

void *process_map_private(size_t size)
{
	return process_memory_refused() ? NULL : map_advised(size, MADV_DONTFORK);
}

void *process_map_copied(size_t size)
{
	return process_memory_refused() ? NULL : map_advised(size, MADV_NORMAL);
}

void process_unmap(void *memory, size_t size)
{
	sys(SYS_munmap, memory, size);
}

bool process_owns_memory(void)
{
	int pid = (int)sys(SYS_getpid);
	struct owner *page = __atomic_load_n(&owner, __ATOMIC_ACQUIRE);

	if (pid < 0) /* not to be asked under a filter */
		return false;
	if (!page) {
		struct owner *none = NULL;

		page = process_map_wiped(sizeof(*page));
		if (!page)
			return false;
		if (!__atomic_compare_exchange_n(&owner, &none, page, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE)) {
			process_unmap(page, sizeof(*page));
			page = none;
		}
	}
	if (__atomic_load_n(&page->pid, __ATOMIC_RELAXED) == 0)
		__atomic_store_n(&page->pid, pid, __ATOMIC_RELAXED);
	return __atomic_load_n(&page->pid, __ATOMIC_RELAXED) == pid;
}

bool process_borrows_memory(void)
{
	struct owner *page = __atomic_load_n(&owner, __ATOMIC_ACQUIRE);
	int pid = page ? __atomic_load_n(&page->pid, __ATOMIC_RELAXED) : 0;

	return pid && pid != (int)sys(SYS_getpid);
}

int *process_busy(void)
{
	struct owner *page = __atomic_load_n(&owner, __ATOMIC_ACQUIRE);

	return page ? &page->busy : NULL;
}

uint64_t process_file_size_limit(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	sys(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit);
	return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

/*
 * valgrind's client request RUNNING_ON_VALGRIND (valgrind.h): the rotations leave rdi as it
 * was and mean nothing to a processor.
 */
bool process_emulated(void)
{
	enum { RUNNING_ON_VALGRIND = 0x1001 };
	const uint64_t request[6] = {RUNNING_ON_VALGRIND};
	uint64_t answer = 0;

	__asm__ volatile("rolq $3, %%rdi\n\t"
			 "rolq $13, %%rdi\n\t"
			 "rolq $61, %%rdi\n\t"
			 "rolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(answer)
			 : "a"(request), "m"(request)
			 : "cc", "rdi");
	return answer != 0;
}
