#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Fsyncs started together that fail: each failure reaches the program once, as plainly.

load ../common
load ../together

# told MODE ORDER OPTION...: what became of fsyncs of a storage where something fails, a line a
# file; again while it was one that starts others.
told() {
    local status
    for _ in {1..50}; do
        rm -rf "$WORK/back"
        rm -f "$RECORD"
        mounted "${@:3}"
        status=0
        USHIM_STATS=$RECORD shim_in "$1" "$SYNCS" errors "$WORK/slow" "$2" >"$WORK/told" 2>&1 ||
            status=$?
        unmounted "$WORK/slow"
        [ "$status" -eq 3 ] || break
    done
    sort "$WORK/told"
}

# told_the_same ORDER OPTION...: as plainly; which of the files it hits is the storage's to choose.
told_the_same() {
    local mode plain
    plain=$(told off "$@")
    [[ $plain == *E[IN]O* ]] || fail "nothing failed: $plain"
    for mode in auto-forced strict-forced; do
        [ "$(told "$mode" "$@")" = "$plain" ] || fail "in $mode other failures than $plain"
        counted grouped 1
    done
}

@test "C7: a failure is told once, by the program's own call" {
    requires uring
    requires_slow
    told_the_same fcdfcd --fail=fsync:5:EIO
    told_the_same fcdfcd --fail=fsync:3:ENOSPC
    told_the_same fcdfcd --fail=fsync:9:EIO
    told_the_same fcdfcd --fail=fsync:3+:EIO # the one that starts a group as well
}

@test "C7: to each open file once, where the failure is the kernel's to remember" {
    requires uring
    requires_slow
    told_the_same fcdfcd --writeback --fail=write:6:EIO
    told_the_same fcdfcd --writeback --fail=write:8:ENOSPC
}

@test "C7: once, whichever descriptor comes for it" {
    requires uring
    requires_slow
    told_the_same Fccc --fail=fsync:8:EIO
    told_the_same Fnn --fail=fsync:8:EIO
    told_the_same Fccff --writeback --fail=write:6:EIO
    told_the_same Fnncfd --writeback --fail=write:6:EIO
}

@test "C6: a failure no call of the program collects is told late" {
    requires uring
    requires_slow
    mounted --fail=fsync:5+:EIO
    run shim_in auto-forced "$SYNCS" few "$WORK/slow"
    echo "$output" >&2
    [ "$status" -eq 1 ]
    [[ $output == *"ushim: fsync '$WORK/slow/f"*"': Input/output error (reported late)"* ]]
}

@test "C6: nor is one lost that a child might have been told" {
    requires uring
    requires_slow
    mounted --writeback --fail=write:9:EIO
    run shim_in auto-forced "$SYNCS" inherited "$WORK/slow"
    echo "$output" >&2
    [[ $output == *EIO* || ${lines[0]} == *"(reported late)" ]] # before the child asks
    [ "$(grep -c "(reported late)" <<<"$output")" -le 1 ]       # nor again when this one ends
}

# One that is older than the shim's descriptor is owed what that one never hears.
@test "C7: to a descriptor that was open before, whoever has heard it since" {
    requires uring
    requires_slow
    local mode
    for mode in off auto-forced strict-forced; do
        rm -rf "$WORK/back"
        rm -f "$RECORD"
        mounted --writeback --fail=write:1+:EIO
        USHIM_STATS=$RECORD shim_in "$mode" "$SYNCS" older "$WORK/slow" >"$WORK/told"
        unmounted "$WORK/slow"
        [ "$mode" = off ] || counted grouped 8
        [ "$(sort -u "$WORK/told")" = "EIO EIO success" ] || fail "in $mode: $(cat "$WORK/told")"
    done
}

# The kernel may have told it there, and nowhere else.
@test "C7: where writing cannot even be begun the fsync says so" {
    requires uring
    requires strace
    strace true 2>"$WORK/strace" || skip "requires ptrace"
    mkdir "$WORK/near"
    run strace -o "$WORK/strace" -e trace=sync_file_range \
        -e inject=sync_file_range:error=ENOSPC:when=6 \
        -E USHIM_FORCE=1 -E USHIM_STATS="$RECORD" -E LD_PRELOAD="$LIB" \
        "$SYNCS" errors "$WORK/near" f
    [ "$status" -eq 0 ]
    in_play 4
    [ "$(grep -c success <<<"$output")" -eq 13 ]
    [ "$(grep -c ENOSPC <<<"$output")" -eq 1 ]
}
