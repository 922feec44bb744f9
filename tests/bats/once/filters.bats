#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C10: under a seccomp filter that kills for what it does not know, only the program's own system calls
# are made: by every way to install one, at every call after it, and by every way out.

load ../common
load ../slow

HOWS='prctl no-clock by-syscall seccomp libseccomp thread child'
WAYS='return exit _exit exit_group exit_call quick_exit err'
MODES='auto auto-forced strict-forced ring'

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
    [ ! -d "$BATS_TEST_TMPDIR/mnt" ] || leave_slow
}

files() {
    mkdir from
    for i in $(seq 60); do
        echo "$i" >"from/file-$i"
    done
}

# filtered HOW WAY: as plain, in every mode, with a record and a trace as without.
filtered() {
    local mode status=0 failed=0
    "$PROG/filters-itself" "$1" "$2" from to >plain 2>&1 || status=$?
    rm -rf to
    [ $status -ne 77 ] || return 0 # not here
    [ $status -eq 0 ] || fail "plain: status $status: $(cat plain)" || return
    for mode in $MODES; do
        for kept in none record; do
            [ $kept = none ] && unset USHIM_STATS USHIM_TRACE
            [ $kept = none ] || export USHIM_STATS=$PWD/record USHIM_TRACE=$PWD/trace
            status=0
            HANDLER=$([ $kept = none ] || echo 1) shim_in "$mode" "$PROG/filters-itself" "$1" "$2" from to >out 2>&1 || status=$?
            rm -rf to
            [ $status -eq 0 ] && same plain out || {
                fail "$1 $2, $mode, $kept: status $status" || failed=1
            }
        done
    done
    unset USHIM_STATS USHIM_TRACE
    return $failed
}

@test "C10: however a program filters itself, no call of ours ends it" {
    local how failed=0
    files
    for how in $HOWS; do
        filtered "$how" _exit || failed=1
    done
    return $failed
}

@test "C10: by whatever way it leaves then, no call of ours ends it" {
    local way failed=0
    files
    for way in $WAYS; do
        filtered prctl "$way" || failed=1
    done
    filtered strict exit_call || failed=1
    return $failed
}

@test "C10: nor where the storage is slow and commands were acknowledged" {
    requires_slow
    enter_slow --delay=1ms
    files
    filtered prctl _exit
    filtered seccomp return
}

# inherited COMMAND...: under a filter that kills for every system call but those of the plain run, it ends
# as that does, in each mode. (The calls that load the library are those that load any other.)
inherited() {
    local mode kept
    rm -rf made
    strace -f -qq -n -o calls "$@" >plain 2>&1
    sed -n 's/^[0-9]* *\[ *\([0-9]*\)\].*/\1/p' calls | sort -un >allowed
    rm -rf made
    "$PROG/kill-others" allowed "$@" >out 2>&1 || fail "plain: status $?: $*" || return
    same plain out || return
    for mode in $MODES; do
        for kept in "" "$PWD/record"; do
            rm -rf made
            USHIM_STATS=$kept USHIM_TRACE=${kept:+$PWD/trace} \
                shim_in "$mode" "$PROG/kill-others" allowed "$@" >out 2>&1 ||
                fail "$mode ${kept:+with a record}: status $?: $*" || return
            same plain out || return
        done
    done
}

@test "C10: under a filter that was there at start no call of ours ends a program" {
    unset USHIM_SECCOMP # it kills, and is not to be asked
    requires strace
    files
    inherited ls from
    inherited ls -l from/file-1 from/file-2
    inherited cp -al from made
    inherited sh -c 'cat from/*; mkdir made; for i in 1 2 3; do ln from/file-$i made; done; rm -r made'
    inherited tar cf made from
    inherited sync from/file-1 from/file-2 from/file-3 from/file-4 from/file-5
}

@test "C10: nor where the storage is slow" {
    requires strace
    requires_slow
    enter_slow --delay=1ms
    files
    inherited ls -l from
    inherited cp -al from made
    inherited du from
}

@test "C10: nor one whose filter another library's constructor has installed" {
    requires gcc
    files
    cat >sandbox.c <<'END'
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
__attribute__((constructor)) static void sandbox(void)
{
	static const int killed[] = {SYS_statx, SYS_getpid, SYS_madvise, SYS_prctl, SYS_io_uring_setup,
				     SYS_rt_sigaction, SYS_openat2, SYS_rt_sigprocmask};
	static struct sock_filter code[32] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
	struct sock_fprog filter = {1, code};

	for (unsigned i = 0; i < sizeof(killed) / sizeof(*killed); i++) {
		code[filter.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, killed[i], 0, 1);
		code[filter.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	}
	code[filter.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}
END
    gcc -shared -fPIC -o sandbox.so sandbox.c
    LD_PRELOAD=$PWD/sandbox.so du -a from >plain
    for mode in $MODES; do
        LIB=$LIB:$PWD/sandbox.so shim_in "$mode" du -a from >out || fail "$mode: status $?"
        same plain out
    done
}

# contained OPTION... -- COMMAND...: in a container of its own, whose first process is a shell, under a filter like
# that of containers.
contained() {
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    # shellcheck disable=SC2016
    env -u USHIM_SECCOMP unshare --pid --fork --mount-proc "$PROG/docker-like" "${options[@]}" \
        sh -c '"$@"; exit $?' sh "$@"
}

# contained_as_plain OPTION... -- COMMAND...: ends as plain, silently, with a record and without.
contained_as_plain() {
    local options=() kept status=0 got
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    rm -rf made
    contained "${options[@]}" -- "$@" >"$BATS_TEST_TMPDIR/plain" 2>&1 || status=$?
    for kept in "" "$BATS_TEST_TMPDIR/record"; do
        rm -rf made
        got=0
        contained "${options[@]}" -- env LD_PRELOAD="$LIB" USHIM_STATS="$kept" "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 ||
            got=$?
        [ $got -eq $status ] || fail "${options[*]}: $*: status $got, not $status${kept:+, with a record}"
        same "$BATS_TEST_TMPDIR/plain" "$BATS_TEST_TMPDIR/out"
    done
}

number() {
    printf '#include <sys/syscall.h>\nSYS_%s\n' "$1" | gcc -E - | tail -n 1
}

requires_container() {
    requires_slow
    requires unshare
    requires gcc
    unshare --pid --fork --mount-proc true || skip "requires PID namespaces"
}

@test "C10: in a container a child tries what the filter lets through, and nothing is killed for it" {
    requires_container
    local killed
    for killed in "" name_to_handle_at kcmp statx futex linkat openat2 madvise sched_yield; do
        enter_slow --delay=1ms
        rm -rf from made
        files
        contained_as_plain ${killed:+-k "$(number $killed)"} -- du -a from
        contained_as_plain ${killed:+-k "$(number $killed)"} -- cp -al from made
        contained_as_plain ${killed:+-r "$(number $killed)"} -- cp -al from made
        cd ..
        unmounted mnt
    done
}

@test "C10: a record is written where the filter lets through what is needed" {
    requires_container
    enter_slow --delay=1ms
    files
    contained_as_plain -- du -a from
    grep -q '"rings":0.*"ring_error":-1' "$BATS_TEST_TMPDIR/record"
    rm "$BATS_TEST_TMPDIR/record"
    contained_as_plain -r "$(number linkat)" -- du -a from
    [ ! -e "$BATS_TEST_TMPDIR/record" ]
    # The first process of a container, where nobody was made yet.
    du -a from >../plain
    LD_PRELOAD=$LIB USHIM_STATS=$BATS_TEST_TMPDIR/record unshare --pid --fork --mount-proc \
        "$PROG/docker-like" -r "$(number clone)" du -a from >../out 2>&1
    same ../plain ../out
    [ ! -e "$BATS_TEST_TMPDIR/record" ] || ! grep -q '"program":"du"' "$BATS_TEST_TMPDIR/record"
}

@test "C10: elsewhere nobody tries" {
    requires strace
    requires_slow
    unset USHIM_SECCOMP
    enter_slow --delay=1ms
    files
    strace -f -o ../calls "$PROG/docker-like" bash -c 'LD_PRELOAD=$0 du -a from; exit $?' "$LIB"
    run ! grep -q CLONE_UNTRACED ../calls
}

# calls HOW: those, in a container, of a program that does too little to look slow, however slow this machine is.
calls() {
    USHIM_SECCOMP=$1 strace -f -qq -o "calls-$1" unshare --pid --fork --mount-proc "$PROG/docker-like" \
        bash -c 'LD_PRELOAD=$0 cat from/file-1; exit $?' "$LIB" >/dev/null 2>&1
    sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' "calls-$1" | sort | uniq -c >"counts-$1"
}

@test "C9: a program that does little makes no call more for being in a container" {
    requires strace
    requires_container
    files
    calls avoid
    calls auto
    run ! grep CLONE_UNTRACED calls-auto
    same counts-avoid counts-auto
}

@test "C1: with the user's leave no thread makes a call that the filter refuses, where the program has another for it" {
    requires_slow
    requires perl
    requires gcc
    enter_slow --delay=1ms
    files
    # shellcheck disable=SC2016
    USHIM_SECCOMP=ask "$PROG/docker-like" -r "$(number linkat)" env LD_PRELOAD="$LIB" \
        perl -e 'mkdir "made" or die; for (1 .. 60) { link "from/file-$_", "made/$_" or die $! }' >../out 2>&1
    [ ! -s ../out ] || fail "$(cat ../out)"
    [ "$(stat -c %h from/file-60)" -eq 2 ]
    [ "$(ls made | wc -l)" -eq 60 ]
}
