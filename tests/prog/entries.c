/* SPDX-License-Identifier: MIT
 *
 * entries CASE: what a caller and an unwinder may expect of the library's exported entries.
 * Prints "N wrong" and what was; exit status 0 if nothing was.
 */
// LDLIBS: -ldl
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

static int wrong;

static void check(int right, const char *what)
{
	if (right)
		return;
	wrong++;
	printf("wrong: %s\n", what);
}

/* ---- unwinding from every instruction ---- */

static char *shim_low, *shim_high;
static volatile int steps_in_shim, steps_lost;
static void *volatile lost_at;
static char *stepping_low, *stepping_high;

static _Unwind_Reason_Code frame_seen(struct _Unwind_Context *context, void *found)
{
	char *at = (char *)_Unwind_GetIP(context);

	if (at >= stepping_low && at < stepping_high)
		*(int *)found = 1;
	return _URC_NO_REASON;
}

static void step(int number, siginfo_t *info, void *context)
{
	char *at = (char *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	int found = 0;

	(void)number, (void)info;
	if (at < shim_low || at >= shim_high)
		return;
	steps_in_shim++;
	_Unwind_Backtrace(frame_seen, &found);
	if (!found && !steps_lost++)
		lost_at = (void *)(at - shim_low);
}

static void trap_flag(int on)
{
	if (on)
		__asm__ volatile("subq $128, %%rsp\n pushfq\n orq $0x100, (%%rsp)\n popfq\n"
				 "addq $128, %%rsp" ::: "memory", "cc");
	else
		__asm__ volatile("subq $128, %%rsp\n pushfq\n andq $~0x100, (%%rsp)\n popfq\n"
				 "addq $128, %%rsp" ::: "memory", "cc");
}

/* The frame that has to be found. */
__attribute__((noinline, aligned(64))) static void stepped_calls(void)
{
	struct stat stat;
	int fd;

	trap_flag(1);
	fd = open("/dev/null", O_RDWR | O_CREAT, 0600);
	fstat(fd, &stat);
	unlink("/nonexistent/file");
	dup2(fd, fd);
	fcntl(fd, F_GETFD);
	close(fd);
	trap_flag(0);
}
__attribute__((noinline)) static void stepped_calls_end(void)
{
	__asm__ volatile("");
}

/* The range of the object that holds open, where that is not libc. */
static int shim_find(void)
{
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long low, high;

		if (!strstr(line, "libushim.so") || sscanf(line, "%lx-%lx", &low, &high) != 2)
			continue;
		if (!shim_low)
			shim_low = (char *)low;
		shim_high = (char *)high;
	}
	if (maps)
		fclose(maps);
	return shim_low != NULL;
}

static void unwinds(void)
{
	struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO};
	int found = 0;

	stepping_low = (char *)stepped_calls;
	stepping_high = (char *)stepped_calls_end;
	if (stepping_high < stepping_low)
		stepping_high = stepping_low + 512;
	check(shim_find(), "the library is not there");
	_Unwind_Backtrace(frame_seen, &found); /* loads what it needs */
	sigaction(SIGTRAP, &action, NULL);
	stepped_calls();
	printf("%s\n", steps_in_shim > 60 ? "many steps in the library" : "hardly a step in the library");
	if (steps_lost)
		printf("%d of %d lost, first at %p\n", steps_lost, steps_in_shim, lost_at);
	check(!steps_lost, "an instruction without a way back");
}

/* ---- registers ---- */

/* Calls FUNCTION(-1) with known values in all registers a callee keeps; the number changed. */
static int registers_changed(void *function)
{
	long kept[6] = {0};

	__asm__ volatile("pushq %%rbp\n"
			 "pushq %%rbx\n"
			 "pushq %[kept]\n"
			 "pushq %[kept]\n" /* keeps the stack aligned */
			 "movq $0x1111, %%rbx\n"
			 "movq $0x2222, %%rbp\n"
			 "movq $0x3333, %%r12\n"
			 "movq $0x4444, %%r13\n"
			 "movq $0x5555, %%r14\n"
			 "movq $0x6666, %%r15\n"
			 "movq $-1, %%rdi\n"
			 "xorl %%esi, %%esi\n"
			 "xorl %%edx, %%edx\n"
			 "call *%%rax\n"
			 "popq %%rcx\n"
			 "popq %%rcx\n"
			 "movq %%rbx, 0(%%rcx)\n"
			 "movq %%rbp, 8(%%rcx)\n"
			 "movq %%r12, 16(%%rcx)\n"
			 "movq %%r13, 24(%%rcx)\n"
			 "movq %%r14, 32(%%rcx)\n"
			 "movq %%r15, 40(%%rcx)\n"
			 "popq %%rbx\n"
			 "popq %%rbp\n"
			 : "+a"(function)
			 : [kept] "r"(kept)
			 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
			   "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
			   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	return (kept[0] != 0x1111) + (kept[1] != 0x2222) + (kept[2] != 0x3333) +
	       (kept[3] != 0x4444) + (kept[4] != 0x5555) + (kept[5] != 0x6666);
}

static void registers(void)
{
	static const char *const names[] = {"close", "fsync", "fstat", "unlinkat", "dup2", "read",
					    "fcntl", "lseek", "fchdir", "ftruncate"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (int again = 0; again < 3; again++)
			check(!registers_changed(dlsym(RTLD_DEFAULT, names[i])), names[i]);
}

/* ---- arguments: integers, floating point, and more of both than there are registers ---- */

#define MIXED \
	"%d %g %d %g %d %g %d %g %g %g %g %g %g %Lg %s %c %ld", 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5.5, \
		6.5, 7.5, 8.5, 9.5, 10.25L, "eleven", '!', 1234567890123L

static void arguments(void)
{
	char expected[256], got[256] = "";
	int ends[2], length = snprintf(expected, sizeof(expected), MIXED);
	FILE *file;

	check(pipe(ends) == 0, "pipe");
	check(dprintf(ends[1], MIXED) == length, "dprintf's value");
	check(read(ends[0], got, sizeof(got)) == length && !memcmp(got, expected, (size_t)length),
	      "dprintf");
	file = fdopen(ends[1], "w");
	check(fprintf(file, MIXED) == length, "fprintf's value");
	fflush(file);
	memset(got, 0, sizeof(got));
	check(read(ends[0], got, sizeof(got)) == length && !memcmp(got, expected, (size_t)length),
	      "fprintf");
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : "";

	if (!strcmp(only, "unwind"))
		unwinds();
	else if (!strcmp(only, "registers"))
		registers();
	else if (!strcmp(only, "arguments"))
		arguments();
	else
		check(0, "usage: entries unwind|registers|arguments");
	printf("%d wrong\n", wrong);
	return wrong != 0;
}
