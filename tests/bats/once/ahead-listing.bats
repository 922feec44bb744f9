#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Awkward ways to read a directory and to ask about its entries (tests/prog/ahead-listing.c),
# each compared with the plain run; and that answers were in play meanwhile.

load ../common
load ../slow

LISTING=$PROG/ahead-listing

setup() {
    requires uring
    requires jq
    cd "$BATS_TEST_TMPDIR" || return
    mkdir d
}

teardown() {
    local mount
    for mount in mount mnt; do
        if mountpoint -q "$BATS_TEST_TMPDIR/$mount"; then umount -l "$BATS_TEST_TMPDIR/$mount"; fi
    done
}

# fill COUNT
fill() {
    (cd d && seq -f 'file-with-a-longer-name-%g' "$1" | xargs touch)
}

# asked_in_play MODE LEAST
asked_in_play() {
    local asked answered
    asked=$(jq -s '[.[].asked] | add' record)
    answered=$(jq -s '[.[].ops[].answered // 0] | add' record)
    [ "$asked" -ge "$2" ] || fail "only $asked asked ahead"
    case $1 in
    auto) [ "$answered" -gt 0 ] || fail "none of $asked answers was served" ;;
    strict) [ "$answered" -eq 0 ] || fail "$answered answers served in strict mode" ;;
    esac
}

# as_plain LEAST COMMAND...: the same output and status in auto and strict mode as plain.
as_plain() {
    local least=$1 mode status=0 plain_status=0
    shift
    touch plain shim record # a directory of tmpfs is as large as it has names, and ".." is looked at
    "$@" >plain 2>&1 || plain_status=$?
    for mode in auto strict; do
        : >record
        status=0
        USHIM_FORCE=1 USHIM_STATS=$PWD/record shim_in "$mode" "$@" >shim 2>&1 || status=$?
        [ "$status" -eq "$plain_status" ] || fail "$mode: status $status, plain $plain_status"
        same plain shim
        asked_in_play "$mode" "$least"
    done
}

@test "C1: telldir, seekdir, rewinddir, fork, closedir in the middle of a listing" {
    fill 900
    as_plain 50 "$LISTING" walk d
}

@test "C1: entries copied by value, as large as struct dirent, at the end of memory" {
    fill 3000
    as_plain 1000 "$LISTING" copy d
}

@test "C1: a thread, a vfork, an exec in the middle of a listing" {
    fill 300
    as_plain 20 "$LISTING" thread d
    as_plain 20 "$LISTING" vfork d
    as_plain 20 "$LISTING" exec d
}

@test "C1: a listing shared with a child that reads it by readdir_r, in a thread, and rewinds it" {
    fill 900
    as_plain 50 "$LISTING" shared d
}

@test "C2: entries removed before the listing has come to them are not listed" {
    fill 900
    as_plain 500 "$LISTING" changes d
    grep -q '^102 removed, 0 of them listed$' plain || skip "requires a file system that does not list ahead"
}

@test "C1: strict: nor are entries that somebody removed without a word" {
    fill 900
    "$LISTING" untold d >plain
    grep -q '^102 removed, 0 of them listed$' plain || skip "requires a file system that does not list ahead"
    # Read on in auto, which has this way to know; where its questions are not all answered before.
    local _
    for _ in {1..20}; do
        USHIM_STALE_MS=60000 USHIM_FORCE=1 shim_in auto "$LISTING" untold d >auto
        grep -q ' 0 of them listed$' auto || break
    done
    ! grep -q ' 0 of them listed$' auto || fail "nothing was read on"
    USHIM_STALE_MS=60000 USHIM_FORCE=1 USHIM_STATS=$PWD/record shim_in strict "$LISTING" untold d >strict
    same plain strict
    asked_in_play strict 500
}

@test "C1: a stream's descriptor is where the program has read, not where the shim has" {
    fill 900
    as_plain 500 "$LISTING" position d
}

@test "C1: bad pointers are EFAULT and errno is untouched, while answers are served" {
    fill 300
    as_plain 20 "$LISTING" faults d
}

@test "C1: names with every byte, names of 255 bytes" {
    local byte
    for byte in $(seq 1 255); do
        [ "$byte" -eq 47 ] || printf "%b\0" "d/name-\\0$(printf %o "$byte")-"
    done | xargs -0 touch --
    for byte in {1..40}; do
        touch "d/$(printf "%0255d" "$byte")"
    done
    as_plain 200 "$LISTING" names d
    as_plain 200 ls -lR d
    as_plain 200 find d -size -1
}

@test "C1: paths near PATH_MAX" {
    local part top=$PWD
    part=$(printf '%0200d' 0)
    for _ in {1..19}; do
        mkdir "$part"
        cd "$part" || return
    done
    touch ./{1..50}
    cd "$top" || return
    part=$(printf "$part/%.0s" {1..19})
    [ "${#part}" -gt 3800 ]
    as_plain 30 "$LISTING" names "$part"
    as_plain 20 du -a "${part%%/*}"
}

@test "C1: a program that rewrites its argv" {
    fill 200
    as_plain 50 "$LISTING" operands d/*
}

@test "C1: output into the very directory that is listed" {
    fill 200
    # shellcheck disable=SC2016
    as_plain 50 bash -c 'rm -f d/log; find d -size -1 -printf "%s %p\n" >d/log; cat d/log'
    # shellcheck disable=SC2016
    as_plain 50 bash -c 'rm -f d/log; cd d && ls -l --time-style=+ | cat >/dev/null;
        find . -name "*-1*" -printf "%s %p\n" >log; find . -size +0 -printf "%p\n" | sort'
}

# odd_listing LISTING: a directory of several getdents64 on storage with such listings.
odd_listing() {
    requires_slow
    rm -rf back/d
    mkdir back/d
    (cd back/d && seq -f 'a-rather-long-name-that-fills-a-buffer-early-%g' 950 | xargs touch)
    enter_slow --delay=lookup:300us --entry-timeout=0 --listing="$1"
}

# In auto, which alone reads on.
in_auto() {
    rm -f "$BATS_TEST_TMPDIR/record"
    USHIM_STATS=$BATS_TEST_TMPDIR/record USHIM_FORCE=1 shim_in auto "$@"
}

# steady_on LISTING: nothing is lost and nothing twice.
steady_on() {
    odd_listing "$1"
    in_auto "$LISTING" steady d >../shim
    leave_slow
    cat shim
    [ "$(grep -c ': 0 missing, 0 twice$' shim)" -eq "$(wc -l <shim)" ] || fail "$1"
    asked_in_play auto 1000
}

# walk_on LISTING WHAT: what libc says is what it says plainly.
walk_on() {
    odd_listing "$1"
    "$LISTING" "$2" d >../plain
    in_auto "$LISTING" "$2" d >../shim
    leave_slow
    same plain shim
    asked_in_play auto 100
}

@test "C1: positions of any 64 bits: every entry once, whatever happens in the middle of a listing" {
    steady_on high-cookies
    steady_on negative-cookies
    steady_on scrambled-cookies
    walk_on scrambled-cookies walk
}

@test "C1: storage that cannot go back: every entry once, whatever happens in the middle of a listing" {
    steady_on no-seek
    steady_on scrambled-cookies,no-seek
}

@test "C1: listings without types, with entries twice, with entries that are not there" {
    walk_on no-types names
    walk_on twice names
    walk_on twice,ghosts,high-cookies walk
}

@test "C8: 200,000 entries: the shim takes no more than 24 MiB for them" {
    requires root
    local plain mode
    mkdir mount
    mount -t tmpfs none mount
    mkdir mount/d
    (cd mount/d && seq -f '%06.0f' 200000 | xargs touch)
    plain=$("$LISTING" memory mount/d)
    for mode in auto strict; do
        rm -f record
        run -0 env USHIM_FORCE=1 USHIM_STATS="$PWD/record" USHIM_MODE=$mode \
            LD_PRELOAD="$LIB" "$LISTING" memory mount/d
        asked_in_play $mode 10000
        echo "$mode: $((output - plain)) KiB more than $plain"
        [ "$((output - plain))" -lt $((24 * 1024)) ]
    done
    unmounted mount
}
