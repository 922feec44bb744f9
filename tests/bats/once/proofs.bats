#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C4: each errno comes at the exact call (the table in docs/design.md, "Behind"). tests/prog/proofs.c
# makes commands impossible in the middle of those that are acknowledged early; what each call
# said, and what is left, is as in the plain run.

load ../common

setup() {
    requires uring
    cd "$BATS_TEST_TMPDIR" || return
    chmod a+x .
    AS=()
    GROUND=$BATS_TEST_TMPDIR/ground
    STATS=$BATS_TEST_TMPDIR/stats.d/stats
    mkdir -m 777 stats.d
    mkdir -m 777 "$GROUND"
}

teardown() {
    cd /
    ! mountpoint -q "$BATS_TEST_TMPDIR/mnt" || umount "$BATS_TEST_TMPDIR/mnt" || umount -l "$BATS_TEST_TMPDIR/mnt"
    umount -q "$GROUND" || ! mountpoint -q "$GROUND" || umount -l "$GROUND"
}

plainly() {
    "${AS[@]}" "$@"
}

forced() {
    "${AS[@]}" env USHIM_MODE=auto USHIM_FORCE=1 USHIM_STATS="$STATS" LD_PRELOAD="$LIB" "$@"
}

# side SIDE RUNNER CASE [OTHER]: what was said and left, in the file SIDE
side() {
    local side=$1 runner=$2 case=$3 other=${4:-} status=0 at=${AT:-$GROUND}
    rm -rf "${at:?}/$side"
    mkdir -m 777 "$at/$side"
    {
        "$runner" "$PROG/proofs" "$at/$side" ${other:+"$other"} "$case" 2>&1 || status=$?
        echo "status $status"
        (cd "$at/$side" && find . -printf '%p %y %m %n %U %l\n' | sort)
    } >"$side"
    chmod -R u+rwX "$at/$side" && rm -rf "${at:?}/$side"
}

# proofs COUNT NEEDS... [-- OTHER]: all cases that need no more than this
proofs() {
    local least=$1 needs=$2 other=${3:-} case need count=0 wrong=
    while read -r case need; do
        [[ " $needs " == *" $need "* ]] || continue
        rm -f stats.d/stats
        side plain plainly "$case" "$other"
        side shim forced "$case" "$other"
        cmp -s plain shim || {
            diff -U3 plain shim | head -20 >&2
            wrong+=" $case"
        }
        grep -q '"deferred":' stats.d/stats || wrong+=" $case(nothing_deferred)"
        count=$((count + 1))
    done < <("$PROG/proofs")
    [ -z "$wrong" ] || fail "not as plain:$wrong"
    [ "$count" -ge "$least" ]
}

@test "C4: every errno comes at its call" {
    echo other >other
    proofs 30 "-"
    [ "$(stat -c %d /dev/shm)" = "$(stat -c %d .)" ] || {
        other=$(mktemp /dev/shm/ushim.XXXXXX)
        status=0
        proofs 2 "other" "$other" || status=$?
        rm -f "$other"
        [ "$status" -eq 0 ]
    }
}

@test "C4: every errno comes at its call, for root: mounts, immutable files, sticky directories" {
    requires root
    unshare -m true 2>/dev/null || skip "requires mounts"
    proofs 8 "root"
}

@test "C4: every errno comes at its call, for an ordinary user" {
    local name=other
    : >other
    chmod 644 other
    if [ "$(id -u)" -eq 0 ]; then
        let_everybody_in
        AS=(as_user)
    else
        name=/etc/passwd # somebody else's
    fi
    proofs 5 "user" "$(realpath "$name")"
}

# small_fs MKFS...: a new file system of 24 MiB at $GROUND
small_fs() {
    requires loop
    requires "$1"
    truncate -s 24M image
    "$@" image >/dev/null 2>&1 || skip "requires $*"
    mount -o loop image "$GROUND" 2>/dev/null || skip "requires a mount of what $1 makes"
    chmod 777 "$GROUND"
}

@test "C4: case-insensitive directories: names that are equal to the file system" {
    small_fs mkfs.ext4 -q -O casefold -E encoding=utf8
    mkdir "$GROUND/folds"
    chattr +F "$GROUND/folds" || skip "requires chattr +F"
    AT=$GROUND/folds
    chmod 777 "$AT"
    proofs 30 "-"
}

@test "C4: a full file system says so at the exact call" {
    small_fs mkfs.ext4 -q -N 3000 -m 0
    proofs 4 "full"
}

@test "C4: a full tmpfs says so at the exact call" {
    requires root
    mount -t tmpfs -o size=24m,nr_inodes=3000 tmpfs "$GROUND" 2>/dev/null || skip "requires mounts"
    proofs 4 "full"
}

@test "C4: a full file system says so at the exact call, however much is pending" {
    requires fuse
    [ -x "$BUILD/slowfs" ] || skip "requires libfuse3"
    mount -t tmpfs -o size=24m,nr_inodes=3000 tmpfs "$GROUND" 2>/dev/null || skip "requires mounts"
    mkdir mnt
    "$BUILD/slowfs" --delay=symlink:300us "$GROUND" mnt
    chmod 777 mnt
    AT=$BATS_TEST_TMPDIR/mnt
    side plain plainly fill_with_symlinks
    side shim forced fill_with_symlinks
    same plain shim
    grep -q '"deferred":' stats.d/stats
}

@test "C4: too many links are refused at the exact call" {
    requires fuse
    [ -x "$BUILD/slowfs" ] || skip "requires libfuse3"
    mkdir mnt
    "$BUILD/slowfs" --fail=link:4+:EMLINK "$GROUND" mnt
    chmod 777 mnt
    AT=$BATS_TEST_TMPDIR/mnt
    : >"$GROUND/many"
    for i in $(seq 120); do ln "$GROUND/many" "$GROUND/many.$i"; done
    mkdir mnt/plain
    status=0
    forced "$PROG/proofs" "$AT/plain" "$AT/many" link_many_names >said 2>&1 || status=$?
    [ "$status" -eq 0 ]
    printf 'mkdir: 0\nlink: 0\nlink: 0\nlink: 0\nlink: EMLINK\nlink: EMLINK\n' >expected
    same expected said
}
