#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C10: where io_uring is refused, or cannot do a call, the plain call is made, silently, and
# the record says why.

load ../common

setup() {
    chmod o+x "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
    mkdir -m 777 "$BATS_TEST_TMPDIR/work"
    cd "$BATS_TEST_TMPDIR/work" || return
    export USHIM_STATS=$BATS_TEST_TMPDIR/work/stats
    touch "$USHIM_STATS"
    chmod 666 "$USHIM_STATS" # written by root and by an ordinary user
}

# total OPERATION-FILTER FIELD: the sum over all records of a field of the operations for
# which the jq filter is true ("." is {key, value}).
total() {
    jq -s "[.[].ops | to_entries[] | select($1) | .value[\"$2\"] // 0] | add // 0" "$USHIM_STATS"
}

ring_error() {
    jq -s 'map(.ring_error) | min' "$USHIM_STATS"
}

# operations OPCODE: their names in ops.def, as a jq condition.
operations() {
    local names
    names=$(sed -n "s/^OP(\([A-Z0-9_]*\), *[A-Z0-9_]*, *$1)\$/\"\1\"/p" "$ROOT/include/ushim/ops.def")
    [ -n "$names" ] || fail "no operation has the opcode $1"
    # shellcheck disable=SC2016 # $k is jq's
    printf '.key as $k | [%s] | index($k) != null' "$(paste -sd, <<<"$names")"
}

opcodes() {
    sed -n 's/^OP([A-Z0-9_]*, *[A-Z0-9_]*, *\([A-Z0-9_]*\))$/\1/p' "$ROOT/include/ushim/ops.def" |
        grep -vx NONE | sort -u
}

# every_call_works [AS...]: with no ring, as the record says, and with nothing on stderr.
every_call_works() {
    USHIM_MODE=ring LD_PRELOAD=$LIB "$@" "$PROG/every-opcode" >out 2>err
    [ ! -s out ] || fail "$(cat out)"
    [ ! -s err ] || fail "on stderr: $(cat err)"
}

# no_ring ERRNO: not one call went through a ring, for this reason.
no_ring() {
    [ "$(ring_error)" -eq "$1" ] || fail "ring_error is $(ring_error), not $1"
    [ "$(total true ring)" -eq 0 ] || fail "calls went through a ring"
    [ "$(total true no_ring)" -gt 20 ] || fail "$(total true no_ring) calls counted as no_ring"
}

@test "C10: each opcode is used where io_uring is to be had" {
    requires uring
    every_call_works
    for opcode in $(opcodes); do
        [ "$(total "$(operations "$opcode")" ring)" -gt 0 ] || fail "$opcode was not used"
    done
}

@test "C10: a seccomp filter that refuses io_uring before start leaves plain calls, and the record says EPERM" {
    USHIM_SECCOMP=ask every_call_works "$PROG/refuse-uring"
    no_ring -1
}

@test "C10: unless the user says that it never kills, a filter is not asked, and there is no record" {
    requires strace
    every_call_works strace -f -qq -o calls "$PROG/refuse-calls" ''
    ! grep '"program":"every-opcode"' "$USHIM_STATS" || fail "there is a record"
    grep -q '^[0-9]* *execve.*every-opcode' calls
    ! sed '1,/execve.*every-opcode/d' calls | grep -E '^[0-9]* *(io_uring|prctl|seccomp)' || fail "it was asked"
}

@test "C10: a filter that may be asked and lets io_uring through leaves the ring what it allows, and no more" {
    requires uring
    USHIM_SECCOMP=ask every_call_works "$PROG/refuse-calls" ''
    for opcode in $(opcodes); do
        [ "$(total "$(operations "$opcode")" ring)" -gt 0 ] || fail "$opcode was not used"
    done
    : >"$USHIM_STATS"
    # link, linkat, and only one of the three that rename
    USHIM_SECCOMP=ask USHIM_MODE=ring LD_PRELOAD=$LIB "$PROG/refuse-calls" '86 265 316' "$PROG/every-opcode" >out || :
    for opcode in LINKAT RENAMEAT; do
        [ "$(total "$(operations "$opcode")" ring)" -eq 0 ] || fail "$opcode went around the filter"
        [ "$(total "$(operations "$opcode")" opcode)" -gt 0 ] || fail "$opcode was not called"
    done
    [ "$(total "$(operations UNLINKAT)" ring)" -gt 0 ]
}

@test "C10: no memory to lock leaves an ordinary user plain calls, and the record says ENOMEM" {
    requires prlimit
    requires uring
    let_everybody_in
    ! as_user prlimit --memlock=0:0 "$PROG/have-uring" || skip "requires a kernel that counts rings as locked memory"
    every_call_works as_user prlimit --memlock=0:0
    no_ring -12
}

@test "C10: each opcode the kernel lacks leaves plain calls for its operations, and the ring for the others" {
    requires uring
    local opcode own others
    for opcode in $(opcodes); do
        : >"$USHIM_STATS"
        USHIM_WITHOUT=${opcode,,} every_call_works
        own=$(operations "$opcode")
        [ "$(total "$own" ring)" -eq 0 ] || fail "without $opcode: the ring was used"
        [ "$(total "$own" opcode)" -gt 0 ] || fail "without $opcode: not counted"
        others=$(total "($own) | not" opcode)
        [ "$others" -eq 0 ] || fail "without $opcode: $others others were held back"
        [ "$(total "($own) | not" ring)" -gt 10 ] || fail "without $opcode: no ring for the others"
    done
}

@test "C10: a process may be without opcodes altogether" {
    requires uring
    USHIM_WITHOUT=$(opcodes | paste -sd, | tr '[:upper:]' '[:lower:]') every_call_works
    [ "$(total true ring)" -eq 0 ]
    [ "$(total true opcode)" -gt 20 ]
}

# matrix_case PROGRAM CASE: plain and through the ring with the same notes, and a record.
matrix_case() {
    mkdir plain shim
    USHIM_STATS='' "$PROG/matrix-$1" plain "$2" >plain.out
    USHIM_MODE=ring LD_PRELOAD=$LIB "$PROG/matrix-$1" shim "$2" >shim.out
    grep -q '^ended' plain.out || fail "$1: no case $2"
    same plain.out shim.out
}

@test "C10: a thread that took the 16 places for rings loses nothing, nor do the others" {
    requires uring
    matrix_case thread places-for-rings-taken
    [ "$(total true ring)" -gt 0 ]
}

@test "C10: a thread under a filter of its own makes plain calls, the others use their rings" {
    requires uring
    matrix_case thread filter-unseen-in-one-thread
    [ "$(ring_error)" -eq -1 ]
    [ "$(total true no_ring)" -gt 0 ]
    [ "$(total true ring)" -gt 0 ]
}

# reason PROGRAM CASE REASON [OPERATION]: the case makes the shim fall through for it.
reason() {
    requires uring
    matrix_case "$1" "$2"
    [ "$(total "${4:+.key == \"$4\" and }true" "$3")" -gt 0 ] || fail "$3 was not counted: $(cat "$USHIM_STATS")"
}

@test "C10: offset -1, length 0 and lengths from 2 GiB on are counted as strange arguments" {
    reason file strange-preads argument PREAD
}

@test "C10: opening a file that is there to write it, where somebody may have a lease, is the program's own call" {
    requires uring
    echo old >there
    USHIM_MODE=ring LD_PRELOAD=$LIB touch there
    USHIM_MODE=ring LD_PRELOAD=$LIB dd if=/dev/null of=there 2>/dev/null
    [ "$(total '.key == "OPEN"' argument)" -eq 2 ] || fail "$(cat "$USHIM_STATS")"
    : >"$USHIM_STATS"
    USHIM_MODE=ring LD_PRELOAD=$LIB touch new
    USHIM_MODE=ring LD_PRELOAD=$LIB cat there
    [ "$(total '.key == "OPEN"' argument)" -eq 0 ] || fail "$(cat "$USHIM_STATS")"
    [ "$(total '.key == "OPEN"' ring)" -ge 2 ] || fail "$(cat "$USHIM_STATS")"
}

@test "C10: pipes, sockets, terminals and the like are counted as no regular files" {
    reason file strange-preads target PREAD
}

@test "C10: a NULL path with AT_EMPTY_PATH is counted as a strange argument" {
    reason file strange-stats argument STATX
}

@test "C10: a file position that others may share is counted" {
    reason file positions-shared-by-fork position WRITE
}

@test "C10: RLIMIT_FSIZE is counted" {
    requires prlimit
    requires uring
    every_call_works prlimit --fsize=1000000
    [ "$(total '.key == "PWRITE"' file_size_limit)" -eq 1 ]
    [ "$(total '.key == "MKDIR"' ring)" -eq 1 ]
}


@test "C10: a call the ring answers with an error is made again, and counted" {
    reason file names-and-links ring_said_error
}

@test "C10: the child of a vfork is counted as borrowing its memory" {
    reason process vforks borrowed
}

@test "C10: calls of a thread past its end are counted" {
    reason thread destructors-of-keys thread_ending
}

@test "C10: calls under asynchronous cancellation are counted" {
    reason thread asynchronous-cancel cancel_async
}

@test "C10: calls after unshare are counted as without the ring that was given up" {
    reason identity unshared-places ceded MKDIR
}

@test "C8: a record that RLIMIT_FSIZE has no room for is left out, not cut" {
    requires prlimit
    USHIM_MODE=auto LD_PRELOAD=$LIB prlimit --fsize=10 mkdir made
    [ -d made ]
    [ ! -s "$USHIM_STATS" ] || [ "$(jq -r .program "$USHIM_STATS")" = prlimit ]
}
