#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# alone
# C10: the administrator's switch. It is the whole machine's, so for milliseconds only.

load ../common

SWITCH=/proc/sys/kernel/io_uring_disabled

setup() {
    requires root
    requires uring
    [ -w "$SWITCH" ] || skip "requires a writable kernel.io_uring_disabled"
    read -r BEFORE <"$SWITCH"
    cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
    [ -z "${BEFORE:-}" ] || echo "$BEFORE" >"$SWITCH"
}

@test "C10: kernel.io_uring_disabled leaves plain calls, and the record says EPERM" {
    echo 2 >"$SWITCH"
    USHIM_STATS=$PWD/stats USHIM_MODE=ring LD_PRELOAD=$LIB "$PROG/every-opcode" >out 2>err || touch failed
    echo "$BEFORE" >"$SWITCH"
    [ ! -e failed ] && [ ! -s out ] && [ ! -s err ] || fail "$(cat out err)"
    [ "$(jq .ring_error stats)" -eq -1 ]
    [ "$(jq '[.ops[].ring // 0] | add' stats)" -eq 0 ]
    [ "$(jq '[.ops[].no_ring // 0] | add' stats)" -gt 20 ]
}
