#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# USHIM_TRACE: what happened when.

load ../common

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    mkdir tree
    for i in $(seq 40); do echo "$i" >"tree/f$i"; done
}

teardown() {
    ! mountpoint -q "$BATS_TEST_TMPDIR/slow" || umount -l "$BATS_TEST_TMPDIR/slow"
}

# The file is an array whose end is left open, as the format allows.
events() {
    sed '$ s/,$/]/' trace | jq "$@"
}

@test "USHIM_TRACE: calls are on the program's track, questions in flight on their own" {
    requires uring
    requires jq
    shim_in auto env USHIM_TRACE=trace USHIM_STATS=stats USHIM_FORCE=1 find tree -size +3k
    [ "$(events '[.[] | select(.cat == "flight")] | length')" -gt 20 ]
    [ "$(events '[.[] | select(.args.met == "answered")] | length')" = \
        "$(jq -s '[.[].ops[] | .answered // 0] | add' stats)" ]
}

# Of forty questions of 50 ms each, two at least come within 50 ms.
@test "USHIM_TRACE: questions that are in flight at one time are seen to overlap" {
    requires fuse
    requires uring
    requires jq
    [ -x "$BUILD/slowfs" ] || skip "requires libfuse3"
    mkdir slow
    "$BUILD/slowfs" --delay=lookup:50ms tree slow
    shim_in auto env USHIM_TRACE=trace USHIM_FORCE=1 find slow -size +3k
    [ "$(events '[.[] | select(.cat == "flight")] | sort_by(.ts) |
        [range(1; length) as $i | select(.[$i].ts < .[$i - 1].ts + .[$i - 1].dur)] | length')" -gt 0 ]
}

@test "USHIM_TRACE: survives a closed stderr and _exit, and starts from zero in a forked child" {
    requires jq
    shim_in auto env USHIM_TRACE=trace dash -c 'cat tree/f1 2>&-; (cat tree/f2) ; :' >out 2>&-
    [ "$(cat out)" = "1
2" ]
    [ "$(events '[.[].pid] | unique | length')" -ge 3 ]
    # Nothing is told twice: no two events of one track begin at the same moment.
    [ "$(events '[.[] | [.pid, .tid, .ts]] | length - (unique | length)')" -eq 0 ]
}

@test "USHIM_TRACE: the results are the same, and a file that cannot be written is nobody's business" {
    ls -l tree >plain
    for mode in auto strict ring; do
        shim_in $mode env USHIM_TRACE=/nonexistent/trace ls -l tree >shim 2>errors
        same plain shim
        [ ! -s errors ]
        shim_in $mode env USHIM_TRACE=trace ls -l tree >shim 2>errors
        same plain shim
        [ ! -s errors ]
    done
}

@test "USHIM_TRACE: more events than are kept in memory are all written" {
    requires jq
    shim_in auto env USHIM_TRACE=trace USHIM_STATS=stats bash -c 'for i in {1..6000}; do [ -e tree/f1 ]; done'
    stats=$(jq -s '[.[] | select(.program == "bash") | .ops.STAT.calls // 0] | add' stats)
    [ "$stats" -ge 6000 ]
    [ "$(events '[.[] | select(.name == "STAT")] | length')" = "$stats" ]
}
