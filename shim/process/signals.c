/* SPDX-License-Identifier: MIT */
#include "process/signals.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "base/sys.h"

/* The kernel's layout on x86-64, rt_sigaction(2); libc's struct sigaction differs. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	signal_bits mask;
};

enum {
	SIGNAL_LAST = 64,
	/* libc keeps these two for cancellation and set*id; their handlers call no file
	 * function, and another thread's setuid waits for them. */
	SIGNAL_LIBC_FIRST = 32,
	SIGNAL_LIBC_LAST = 33,
};

/*
 * Every signal with a handler, as of the last look, and how many changes that look knew of: a
 * look that another thread's change overtakes counts as old.
 */
static signal_bits handled;
static unsigned changes = 1, changes_seen;

/* The hold in force in this thread. */
static __thread struct signals_held outer __attribute__((tls_model("initial-exec")));
static __thread bool holding __attribute__((tls_model("initial-exec")));

static signal_bits signal_bit(int number)
{
	return (signal_bits)1 << (number - 1);
}

static bool signal_action(int number, struct kernel_sigaction *action)
{
	return sys(SYS_rt_sigaction, number, NULL, action, sizeof(signal_bits)) == 0 &&
	       action->handler != SIG_DFL && action->handler != SIG_IGN;
}

/* 64 system calls, some 5 µs: only after a change, and only where a ring is used. */
static void handled_look(void)
{
	signal_bits found = 0;

	for (int number = 1; number <= SIGNAL_LAST; number++) {
		struct kernel_sigaction action;

		if (number >= SIGNAL_LIBC_FIRST && number <= SIGNAL_LIBC_LAST)
			continue;
		if (signal_action(number, &action))
			found |= signal_bit(number);
	}
	__atomic_store_n(&handled, found, __ATOMIC_RELAXED);
}

void signals_note_change(void)
{
	__atomic_fetch_add(&changes, 1, __ATOMIC_RELEASE);
}

bool signals_handled(void)
{
	unsigned now = __atomic_load_n(&changes, __ATOMIC_ACQUIRE);

	if (__atomic_load_n(&changes_seen, __ATOMIC_ACQUIRE) != now) {
		handled_look();
		__atomic_store_n(&changes_seen, now, __ATOMIC_RELEASE);
	}
	return __atomic_load_n(&handled, __ATOMIC_RELAXED) != 0;
}

/* Threads whose mask is not their own just now. */
static int masked;

static void mask_hold(struct signals_held *held)
{
	if (!held->held)
		return;
	__atomic_fetch_add(&masked, 1, __ATOMIC_SEQ_CST);
	if (sys(SYS_rt_sigprocmask, SIG_BLOCK, &held->held, &held->before, sizeof(signal_bits)) == 0)
		return;
	held->held = 0;
	__atomic_fetch_sub(&masked, 1, __ATOMIC_SEQ_CST);
}

static void mask_release(const struct signals_held *held)
{
	if (!held->held)
		return;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &held->before, NULL, sizeof(signal_bits));
	__atomic_fetch_sub(&masked, 1, __ATOMIC_SEQ_CST);
}

void signals_await_release(void)
{
	enum { PATIENCE_MS = 100 };
	const struct timespec pause = {.tv_nsec = 1000 * 1000};

	for (int i = 0; i < PATIENCE_MS && __atomic_load_n(&masked, __ATOMIC_SEQ_CST); i++)
		sys(SYS_nanosleep, &pause, NULL);
}

void signals_hold(struct signals_held *held)
{
	if (holding) {
		*held = outer;
		held->outermost = false;
		return;
	}
	signals_handled();
	held->held = __atomic_load_n(&handled, __ATOMIC_RELAXED);
	held->outermost = true;
	mask_hold(held);
	outer = *held;
	holding = true;
}

void signals_release(const struct signals_held *held)
{
	if (!held->outermost)
		return;
	holding = false;
	mask_release(held);
}

bool signals_let(void)
{
	bool was_holding = holding;

	holding = false;
	if (was_holding)
		mask_release(&outer);
	return was_holding;
}

void signals_let_no_more(bool was_holding)
{
	if (was_holding)
		mask_hold(&outer);
	holding = was_holding;
}

signal_bits signals_waiting(const struct signals_held *held)
{
	signal_bits pending = 0;

	if (!held->held)
		return 0;
	sys(SYS_rt_sigpending, &pending, sizeof(pending));
	return pending & held->held & ~held->before;
}

bool signals_interrupt(signal_bits signals)
{
	for (int number = 1; number <= SIGNAL_LAST; number++) {
		struct kernel_sigaction action;

		if (signals & signal_bit(number) && signal_action(number, &action) &&
		    !(action.flags & SA_RESTART))
			return true;
	}
	return false;
}
