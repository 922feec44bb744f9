#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C4: each errno comes at the exact call (the table in docs/design.md, "Behind"). tests/prog/proofs.c
# makes commands impossible in the middle of those that are acknowledged early; what each call
# said, and what is left, is as in the plain run.

load ../common
load ../slow

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
    leave_slow
    unmounted "$GROUND" || umount -l "$GROUND"
}

plainly() {
    "${AS[@]}" "$@"
}

forced() {
    "${AS[@]}" env USHIM_MODE=auto USHIM_FORCE=1 USHIM_STATS="$STATS" LD_PRELOAD="$LIB" "$@"
}

# prepare DIRECTORY: what is to be there before a program begins in it
prepare() {
    :
}

# side SIDE RUNNER CASE [OTHER]: what was said and left, in the file SIDE
side() {
    local side=$1 runner=$2 case=$3 other=${4:-} status=0 at=${AT:-$GROUND}
    rm -rf "${at:?}/$side"
    mkdir -m 777 "$at/$side"
    prepare "$at/$side"
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

# slowly OPTION...: all that follows happens on slow storage
slowly() {
    requires fuse
    [ -x "$BUILD/slowfs" ] || skip "requires libfuse3"
    mkdir mnt
    "$BUILD/slowfs" "$@" "$GROUND" mnt
    AT=$BATS_TEST_TMPDIR/mnt
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

@test "C4: file systems whose names do not tell case apart" {
    slowly --fold-case
    proofs 30 "-"
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
    proofs 1 "tmpfs"
}

@test "C4: a full file system says so at the exact call, however much is pending" {
    requires fuse
    mount -t tmpfs -o size=24m,nr_inodes=3000 tmpfs "$GROUND" 2>/dev/null || skip "requires mounts"
    slowly --delay=symlink:300us
    side plain plainly fill_with_symlinks
    side shim forced fill_with_symlinks
    same plain shim
    grep -q '"deferred":' stats.d/stats
}

@test "C2: what is pending is seen, by whatever way it is asked for" {
    slowly --delay=link:2ms,symlink:2ms,mkdir:2ms,rename:2ms,unlink:2ms,rmdir:2ms
    proofs 10 "slow"
}

@test "C4: attributes that are refused are so at the exact call, on this storage alone" {
    slowly --delay=link:2ms --fail=setattr:1:EPERM --fail=setattr:3:EPERM
    side shim forced attributes_refused "$GROUND"
    unmounted mnt || umount -l mnt
    "$BUILD/slowfs" --delay=link:2ms --fail=setattr:1:EPERM --fail=setattr:3:EPERM "$GROUND" mnt
    side plain plainly attributes_refused "$GROUND"
    same plain shim
    grep -q '"deferred":' stats.d/stats
}

# removed_early CASE: how many names
removed_early() {
    rm -f stats.d/stats
    side shim forced "$1"
    [ "$(grep -c '^unlink: 0$' shim)" -eq 14 ]
    jq -s '[.[].ops.UNLINK.deferred // 0] | add' stats.d/stats
}

@test "C4: three removals come first, in an order, with nothing else between any two" {
    requires jq
    [ "$(removed_early removes)" -le 11 ]
    removed_early removes_out_of_order
    grep -q '"UNLINK":{[^}]*"order":' stats.d/stats
    [ "$(removed_early removes_and_works)" -eq 0 ]
    [ "$(removed_early removes_writes_removes)" -le 3 ]
}

@test "C5: nothing is put off any more beside a thread or shared memory" {
    requires jq
    [ "$(removed_early removes_after_sharing_memory)" -eq 0 ]
    [ "$(removed_early removes_after_a_thread)" -eq 0 ]
}

@test "C1: where the kernel can make no worker the calls are made by hand" {
    requires prlimit
    requires root # root's own are not counted
    local case
    let_everybody_in
    AS=(as_user prlimit --nproc=1)
    for case in link_name_used removes; do
        side plain plainly "$case"
        side shim forced "$case"
        same plain shim
        ! grep -q '"deferred":' stats.d/stats || fail "$case: deferred: $(cat stats.d/stats)"
        rm stats.d/stats
        # Were it not asked whether it can, what was acknowledged would come back, and lose nothing.
        AS+=(env USHIM_WITHOUT=nop)
        side shim forced "$case"
        same plain shim
        grep -q '"deferred":' stats.d/stats || fail "$case: not deferred: $(cat stats.d/stats)"
        rm stats.d/stats
        unset 'AS[-1]' 'AS[-1]'
    done
}

@test "C6: what would fail after a late failure fails at its call" {
    slowly --delay=unlink:1ms,link:1ms --fail=unlink:9:EIO --fail=unlink:25:EIO \
        --fail=link:9:EIO --fail=link:25:EIO
    for case in removes links; do
        side shim forced "${case}_after_failure"
        [ "$(grep -c 'Input/output error (reported late)$' shim)" -eq 1 ]
        [ "$(sed -n '/^elsewhere/,$p' shim | grep -c ': EIO$')" -eq 1 ]
        [ "$(sed '/^elsewhere/,$d' shim | grep -c ': EIO$')" -eq 0 ]
    done
}

@test "C4: links of files whose owner has no number here are refused at the exact call" {
    requires root
    prepare() {
        mkdir "$1/S" && : >"$1/S/f08" && chown 4711:4711 "$1/S/f08"
    }
    AS=(unshare --user --map-root-user)
    "${AS[@]}" true 2>/dev/null || skip "requires user namespaces"
    proofs 1 "unmapped"
}

@test "C4: too many directories are refused at the exact call" {
    slowly --fail=mkdir:1006+:EMLINK
    mkdir "$GROUND/shim"
    status=0
    forced "$PROG/proofs" "$AT/shim" mkdir_many >said 2>&1 || status=$?
    [ "$status" -eq 0 ]
    [ "$(grep -c '^mkdir: 0$' said)" -eq 1005 ]
    [ "$(grep -c '^mkdir: EMLINK$' said)" -eq 6 ]
    grep -q '"deferred":' stats.d/stats
}

@test "C4: too many links are refused at the exact call" {
    slowly --fail=link:4+:EMLINK
    : >"$GROUND/many"
    for i in $(seq 120); do ln "$GROUND/many" "$GROUND/many.$i"; done
    mkdir mnt/plain
    status=0
    forced "$PROG/proofs" "$AT/plain" "$AT/many" link_many_names >said 2>&1 || status=$?
    [ "$status" -eq 0 ]
    printf 'mkdir: 0\nlink: 0\nlink: 0\nlink: 0\nlink: EMLINK\nlink: EMLINK\n' >expected
    same expected said
}

@test "C10: without /dev/zero, and so without guards, commands go out one by one" {
    requires root
    side plain plainly link_name_used
    AS=(unshare --mount sh -c 'mount --bind /dev/null /dev/zero && exec "$@"' sh)
    "${AS[@]}" true 2>/dev/null || skip "requires mount namespaces"
    side shim forced link_name_used
    same plain shim
    grep -q '"deferred":' stats.d/stats
    grep -q '"peak":1,' stats.d/stats
}
