#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Every way out of a process. fails-late.so is the library with something in it that fails late.

load ../common

# Those that are given a status, and those that have 0. (With 0, error returns, and then main.)
GIVEN='return exit _exit _Exit quick_exit exit_group exit_call err errx verr verrx error error_at_line strict'
WITH_0='pthread_exit thrd_exit last_thread argp daemon handler fork vfork'
LINE="ushim: linkat 'd/x': Input/output error (reported late)"

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# leave PLACE WAY STATUS [VARIABLE=VALUE...]: stdout (a daemon's as well), stderr and exit
# status in PLACE.*. False where this machine has no such way.
leave() {
    env "${@:4}" "$PROG/leaves" "$2" "$3" 2>"$1.err" | cat >"$1.out"
    echo "${PIPESTATUS[0]}" >"$1.status"
    [ "$(cat "$1.status")" != 77 ]
}

# is_told WHEN WAY STATUS EXPECTED: after a late failure the exit status is EXPECTED, there is
# one line about it, and all the rest is as without.
is_told() {
    leave plain "$2" "$3" || return 0
    leave late "$2" "$3" "FAILS_LATE=$1" "LD_PRELOAD=$PROG/fails-late.so"
    [ "$(cat late.status)" = "$4" ] || fail "$1 $2 $3: status $(cat late.status)" || return
    [ "$(grep -cFx "$LINE" late.err)" = 1 ] || fail "$1 $2 $3: $(cat late.err)" || return
    same plain.err <(grep -vFx "$LINE" late.err) || return
    # Handlers are told the new status. The daemon itself has nothing to report.
    [ "$2" = daemon ] || [ "$4" != 1 ] || sed -i 's/status \(0\|256\)$/status 1/' plain.out
    same plain.out late.out || fail "$1 $2 $3"
}

@test "C6: after a late failure an exit status of 0 becomes 1, by every way out" {
    local way failed=0
    for way in $GIVEN $WITH_0; do
        is_told start "$way" 0 1 || failed=1
    done
    return $failed
}

@test "C6: so it does if what was acknowledged fails on the way out" {
    local way failed=0
    for way in ${GIVEN% strict} ${WITH_0/fork /}; do # before these two all is settled
        is_told settle "$way" 0 1 || failed=1
    done
    return $failed
}

@test "C6: so does any status that a parent sees as 0" {
    local way failed=0
    for way in exit _exit exit_group err error; do
        is_told start "$way" 256 1 || failed=1
    done
    return $failed
}

@test "C6: other statuses stay, and so does a death by signal" {
    local way failed=0
    for way in $GIVEN; do
        is_told start "$way" 3 3 || failed=1
    done
    for way in ${GIVEN% strict}; do
        is_told settle "$way" 255 255 || failed=1
    done
    for way in abort assert; do
        is_told start "$way" 0 134 || failed=1
        is_told settle "$way" 0 134 || failed=1
    done
    return $failed
}

@test "C6: a late failure on a way out that libc alone knows is said" {
    is_told settle context 0 0
}

@test "C6: the successor by exec has a status of its own" {
    is_told start exec 0 0
}

@test "C6: a daemon's parent that failed late leaves its record" {
    leave late daemon 0 FAILS_LATE=start "LD_PRELOAD=$PROG/fails-late.so" USHIM_STATS="$PWD/record"
    grep -q '"end":"exit".*"late":1' record
}

@test "C8: without a late failure every way out is as without the library" {
    local way status failed=0
    for way in $GIVEN $WITH_0 context exec abort assert; do
        for status in 0 3 256; do
            leave plain "$way" $status || continue
            leave shim "$way" $status "LD_PRELOAD=$LIB"
            same plain.out shim.out && same plain.err shim.err &&
                same plain.status shim.status || failed=1
        done
    done
    return $failed
}
