# SPDX-License-Identifier: MIT
# The exported entries as callers, unwinders and other libraries meet them.
load ../common

# in_modes COMMAND [ARG...]: forwarded, through the slow path of every entry, and on the ring.
in_modes() {
    shim_in auto "$@" || fail "auto"
    USHIM_STATS=$BATS_TEST_TMPDIR/stats shim_in auto "$@" || fail "auto, counted"
    USHIM_STATS=$BATS_TEST_TMPDIR/stats shim_in ring "$@" || fail "ring"
}

# A process under a seccomp filter writes no record: even asking might be its death.
requires_record() {
    grep -q '^Seccomp:[[:space:]]*0' /proc/self/status ||
        skip "requires a process without a seccomp filter"
}

# a_library FILE CC-OPTION... <SOURCE
a_library() {
    local file=$1
    shift
    cc -shared -fPIC -O1 -x c -o "$file" - "$@"
}

@test "C8: an unwinder finds its way back from every instruction of an entry" {
    # Not on the ring: a trap while handlers are held is the end, as it is under sigprocmask.
    shim_in auto "$PROG/entries" unwind
    run -0 env USHIM_STATS="$BATS_TEST_TMPDIR/stats" LD_PRELOAD="$LIB" "$PROG/entries" unwind
    [[ $output == *"many steps in the library"* ]]
}

@test "C8: registers a callee keeps are kept" {
    in_modes "$PROG/entries" registers
}

@test "C8: variadic calls get every argument, floating point too" {
    in_modes "$PROG/entries" arguments
}

@test "C8: exceptions and cancellation run destructors through an entry" {
    requires g++
    cat >"$BATS_TEST_TMPDIR/throws.cc" <<'END'
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <unistd.h>

static int destroyed, caught;
struct guard { ~guard() { destroyed++; } };

static int throws(const dirent *) { throw 7; }
static int throws_too(const char *, const struct stat *, int, FTW *) { throw 8; }

static void *cancelled(void *)
{
    guard one;
    int fd = open("/dev/null", O_RDONLY);
    char byte;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
    pthread_cancel(pthread_self());
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr);
    guard two;
    pread(fd, &byte, 1, 0);
    puts("not cancelled");
    return nullptr;
}

int main()
{
    dirent **list;
    pthread_t thread;
    void *result;
    try { guard g; scandir("/", &list, throws, nullptr); } catch (int n) { caught += n; }
    try { guard g; nftw("/dev", throws_too, 4, 0); } catch (int n) { caught += n; }
    pthread_create(&thread, nullptr, cancelled, nullptr);
    pthread_join(thread, &result);
    printf("%d destroyed, %d caught, cancelled %d\n", destroyed, caught, result == PTHREAD_CANCELED);
}
END
    g++ -O1 -o "$BATS_TEST_TMPDIR/throws" "$BATS_TEST_TMPDIR/throws.cc" -pthread -w
    for mode in auto ring; do
        USHIM_STATS=$BATS_TEST_TMPDIR/stats run -0 shim_in "$mode" "$BATS_TEST_TMPDIR/throws"
        [ "$output" = "4 destroyed, 15 caught, cancelled 1" ] || fail "$mode: $output"
    done
}

@test "C1: a library preloaded behind, with the old kind of hash table, is called" {
    requires cc
    a_library "$BATS_TEST_TMPDIR/behind.so" -Wl,--hash-style=sysv <<'END'
int unlink(const char *name) { (void)name; return 77; }
END
    a_library "$BATS_TEST_TMPDIR/new.so" -Wl,--hash-style=gnu <<'END'
int rmdir(const char *name) { (void)name; return 78; }
END
    cat >"$BATS_TEST_TMPDIR/calls.c" <<'END'
#include <stdio.h>
#include <unistd.h>
int main(void) { printf("%d %d %d\n", unlink("/none"), rmdir("/none"), chdir("/none")); return 0; }
END
    cc -o "$BATS_TEST_TMPDIR/calls" "$BATS_TEST_TMPDIR/calls.c"
    for order in behind.so:new.so new.so:behind.so; do
        libraries=$LIB
        for library in ${order//:/ }; do
            libraries=$libraries:$BATS_TEST_TMPDIR/$library
        done
        USHIM=0 LD_PRELOAD=$libraries run -0 "$BATS_TEST_TMPDIR/calls"
        [ "$output" = "77 78 -1" ] || fail "$order: $output"
    done
    # In front of us they are not our affair, and behind them libc is.
    LD_PRELOAD=$BATS_TEST_TMPDIR/behind.so:$LIB run -0 "$BATS_TEST_TMPDIR/calls"
    [ "$output" = "77 -1 -1" ]
}

@test "USHIM_STATS: a program that vforks writes its own record" {
    requires cc
    requires_record
    cat >"$BATS_TEST_TMPDIR/vforks.c" <<'END'
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	if (vfork() == 0) {
		execl("/nonexistent", "nonexistent", NULL);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	wait(NULL);
	return access("/", F_OK) || creat("/nonexistent/file", 0600) >= 0;
}
END
    cc -o "$BATS_TEST_TMPDIR/vforks" "$BATS_TEST_TMPDIR/vforks.c"
    for mode in auto ring; do
        rm -f "$BATS_TEST_TMPDIR/stats"
        USHIM_STATS=$BATS_TEST_TMPDIR/stats shim_in "$mode" "$BATS_TEST_TMPDIR/vforks"
        grep '"program":"vforks"' "$BATS_TEST_TMPDIR/stats" | grep -q '"ACCESS":{"calls":1' ||
            fail "$mode: $(cat "$BATS_TEST_TMPDIR/stats")"
        [ "$(grep -c '"program":"vforks"' "$BATS_TEST_TMPDIR/stats")" -eq 1 ]
    done
}

@test "USHIM_STATS: daemon() and a failed assertion leave their record" {
    requires cc
    requires_record
    cat >"$BATS_TEST_TMPDIR/ends.c" <<'END'
#include <assert.h>
#include <sys/resource.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct rlimit none = {0, 0};
	(void)argv;
	setrlimit(RLIMIT_CORE, &none);
	access("/", F_OK);
	if (argc > 1)
		return daemon(1, 1);
	assert(argc > 1);
}
END
    cc -o "$BATS_TEST_TMPDIR/ends" "$BATS_TEST_TMPDIR/ends.c"
    for argument in "" daemon; do
        rm -f "$BATS_TEST_TMPDIR/stats"
        USHIM_STATS=$BATS_TEST_TMPDIR/stats run shim_in auto "$BATS_TEST_TMPDIR/ends" $argument
        grep -q '"ACCESS":{"calls":1' "$BATS_TEST_TMPDIR/stats" || fail "no record: $argument"
    done
}
