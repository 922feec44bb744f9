#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Storage on which others change every file under way (slowfs --changing): an answer may be young and
# still older than what the program has seen meanwhile.

load ../common
load ../slow

setup() {
    requires_slow
    requires jq
    local i
    mkdir "$BATS_TEST_TMPDIR"/back/{0,1}
    for i in {1..30}; do
        echo "$i" >"$BATS_TEST_TMPDIR/back/0/file$i"
        ln "$BATS_TEST_TMPDIR/back/0/file$i" "$BATS_TEST_TMPDIR/back/1/link$i"
    done
}

teardown() {
    leave_slow
}

# never_back MODE SEED...: what it is shown of a file never goes back
never_back() {
    local mode=$1 seed
    shift
    for seed; do
        USHIM_STATS=$BATS_TEST_TMPDIR/record shim_in "$mode" "$PROG/never-back" "$seed" .
    done
}

@test "C3: an answer never shows a file as it was before the program's last look at it" {
    enter_slow --delay=100us --changing=size --attr-timeout=0
    "$PROG/never-back" 1 . # or it says nothing
    never_back auto-forced 1 2 3 4
    [ "$(jq -s '[.[].ops[].answered // 0] | add' "$BATS_TEST_TMPDIR/record")" -gt 0 ] ||
        fail "no answers were served"
    never_back strict-forced 1 2
}
