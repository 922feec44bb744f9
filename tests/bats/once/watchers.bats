#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C8: a program that watches files sees nobody but itself and others: nothing is opened ahead of it.

load ../common
load ../slow

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
    [ ! -d "$BATS_TEST_TMPDIR/mnt" ] || leave_slow
}

# as_plain: the events that each kind of watcher sees
as_plain() {
    local how mode status failed=0
    mkdir d
    for i in $(seq 60); do
        echo "$i" >"d/f$i"
    done
    for how in inotify call late early syncs fanotify; do
        status=0
        "$PROG/watches" $how d >plain || status=$?
        [ $status -ne 77 ] || continue
        for mode in auto auto-forced strict-forced ring; do
            shim_in $mode "$PROG/watches" $how d >out || fail "$how, $mode: status $?"
            same plain out || fail "$how, $mode" || failed=1
        done
    done
    return $failed
}

@test "C8: what a program watches is not opened ahead of it" {
    as_plain
}

@test "C8: nor on slow storage" {
    requires_slow
    enter_slow --delay=300us
    as_plain
}
