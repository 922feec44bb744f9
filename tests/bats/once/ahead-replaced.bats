#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What was asked ahead by a number or a name that has become another's meanwhile, before a
# worker of the kernel's came to it.

load ../common

setup() {
    requires uring
    cd "$BATS_TEST_TMPDIR" || return
    mkdir a b
}

# at_once PROGRAM...: what says 77 is not permitted here.
at_once() {
    local status=0
    USHIM_FORCE=1 USHIM_STATS=$PWD/record shim_in auto "$@" || status=$?
    [ "$status" -ne 77 ] || skip "requires SCHED_FIFO"
    [ "$status" -eq 0 ] || fail "$*: status $status"
}

# recorded KEY LEAST: the statistics have at least that many.
recorded() {
    local count
    count=$(sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" record | sort -n | tail -n 1)
    [ "$count" -ge "$2" ] || fail "$1: only $count"
}

@test "C2: questions by a number that is another directory's by now are not answered from there" {
    local way file
    for file in {1..60}; do
        printf a >"a/f$file"
        printf bb >"b/f$file"
    done
    for way in close closedir dup2 close_range; do
        rm -f record
        at_once "$PROG/ahead-reuse" "$way" a b
        recorded asked 1000
    done
}
