/* SPDX-License-Identifier: MIT */
#include "backend/crew/crew.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "base/filter.h"
#include "base/sys.h"
#include "process/process.h"

enum {
	JOBS = 512,           /* more than are ever posted at once: one a directory */
	STACK_SIZE = 16384,   /* system calls alone need a fraction of it */
	SLICE_NS = 20 * 1000 * 1000,
	SIGNALS_SIZE = 8,     /* of the kernel's signal set */
};

#define CREW_FLAGS                                                                         \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |  \
	 CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

/* In wiped memory: a forked child has no thread but its own. */
struct crew {
	uint32_t thread;   /* its number; the kernel makes it 0 when it is gone */
	uint32_t posted;   /* jobs ever, a futex; and of these */
	uint32_t finished; /* those that are done, a futex too */
	struct crew_job *jobs[JOBS]; /* a null one is the end */
	char stack[STACK_SIZE] __attribute__((aligned(16)));
};

static struct crew *crew;
static bool refused; /* no thread could be made */

static void futex_wake(uint32_t *word)
{
	sys(SYS_futex, word, FUTEX_WAKE, 1);
}

static void futex_wait(const uint32_t *word, uint32_t value, const struct timespec *most)
{
	sys(SYS_futex, word, FUTEX_WAIT, value, most);
}

/* ---- the thread ---- */

__attribute__((no_sanitize("address", "thread", "undefined"))) static void crew_main(struct crew *own)
{
	uint32_t taken = 0;

	for (;;) {
		uint32_t posted = __atomic_load_n(&own->posted, __ATOMIC_ACQUIRE);
		struct crew_job *job;

		if (posted == taken) {
			futex_wait(&own->posted, posted, NULL);
			continue;
		}
		job = own->jobs[taken++ % JOBS];
		if (!job)
			return;
		job->work(job);
		__atomic_store_n(&job->done, 1, __ATOMIC_RELEASE);
		__atomic_store_n(&own->finished, taken, __ATOMIC_RELEASE);
		futex_wake(&own->finished);
	}
}

#ifdef __clang_analyzer__
long crew_clone(struct crew *own);
#else
/* Returns in the program's thread alone; the other one leaves by exit, which ends no other thread. */
static long crew_clone(struct crew *own)
{
	register long child_tid __asm__("r10") = (long)&own->thread;
	register long tls __asm__("r8") = 0;
	register struct crew *argument __asm__("r12") = own;
	register void (*begin)(struct crew *) __asm__("r13") = crew_main;
	long value;

	__asm__ volatile("syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "movq %%r12, %%rdi\n\t"
			 "call *%%r13\n\t"
			 "xorl %%edi, %%edi\n\t"
			 "movl %[exit], %%eax\n\t"
			 "syscall\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(value)
			 : "a"((long)SYS_clone), "D"((long)CREW_FLAGS),
			   "S"(own->stack + STACK_SIZE), "d"(&own->thread), "r"(child_tid),
			   "r"(tls), "r"(argument), "r"(begin), [exit] "i"(SYS_exit)
			 : "rcx", "r11", "memory");
	return value;
}
#endif

/* ---- the program's side ---- */

static bool crew_begin(void)
{
	const uint64_t all = UINT64_MAX;
	uint64_t before;

#ifdef __SANITIZE_THREAD__
	refused = true; /* its run-time keeps books of each thread in storage that the crew has not */
#endif
	if (refused)
		return false;
	if (!crew)
		crew = process_map_wiped(sizeof(*crew));
	/* A filter that was asked was not asked about clone. */
	refused = !crew || filter_forbids() || filter_was_asked();
	if (refused)
		return false;
	if (__atomic_load_n(&crew->thread, __ATOMIC_ACQUIRE))
		return true;
	crew->posted = crew->finished = 0;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, SIGNALS_SIZE);
	refused = crew_clone(crew) < 0;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, SIGNALS_SIZE);
	return !refused;
}

static void post(struct crew_job *job)
{
	crew->jobs[crew->posted % JOBS] = job;
	__atomic_store_n(&crew->posted, crew->posted + 1, __ATOMIC_RELEASE);
	futex_wake(&crew->posted);
}

bool crew_post(struct crew_job *job)
{
	if (!crew_begin())
		return false;
	__atomic_store_n(&job->done, 0, __ATOMIC_RELAXED);
	post(job);
	return true;
}

bool crew_did(const struct crew_job *job)
{
	return __atomic_load_n(&job->done, __ATOMIC_ACQUIRE);
}

void crew_await(const struct crew_job *job)
{
	const struct timespec slice = {.tv_nsec = SLICE_NS};
	uint32_t finished = crew ? __atomic_load_n(&crew->finished, __ATOMIC_ACQUIRE) : 0;

	if (!crew || (job ? crew_did(job) : finished == crew->posted))
		return;
	futex_wait(&crew->finished, finished, &slice);
}

void crew_end(void)
{
	uint32_t thread = crew ? __atomic_load_n(&crew->thread, __ATOMIC_ACQUIRE) : 0;

	if (!thread)
		return;
	post(NULL);
	while ((thread = __atomic_load_n(&crew->thread, __ATOMIC_ACQUIRE)) != 0)
		futex_wait(&crew->thread, thread, NULL);
}
