#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C4: a success proves something of the next file only where the file system decides by directory.
# Pools of disks, overlays and FUSE daemons may refuse one file and take the next: there every errno
# comes at its call, because nothing is acknowledged. Where a directory decides, the gain stays.

load ../common
load ../slow

# Which kind of storage it is counts here, so it is named in each mount.
BY_DIRECTORY=(slowfs sshfs glusterfs ceph-fuse)

setup() {
    requires_slow
    requires jq
    cd "$BATS_TEST_TMPDIR" || return
    RECORD=$BATS_TEST_TMPDIR/record
}

teardown() {
    leave_slow
    cd /
}

# sources COUNT: s/f0 s/f1 ..., each with a line in it
sources() {
    local i
    mkdir back/s
    for ((i = 0; i < $1; i++)); do echo "$i" >"back/s/f$i"; done
}

# counted OP REASON
counted() {
    jq -s "[.[].ops.$1.$2 // 0] | add" "$RECORD"
}

# both COMMAND...: output, status and what is left are the same, plain and in auto; $OPTIONS are of slowfs.
# With NAMELESS set, whatever names are in the output.
both() {
    local side status
    rm -f "$RECORD"
    for side in plain auto; do
        status=0
        enter_slow --delay=1ms "${OPTIONS[@]}"
        "$side" "$@" >"../$side" 2>&1 || status=$?
        leave_slow
        [ -z "${NAMELESS:-}" ] || sed -i "s/'[^']*'/NAME/" "$side"
        sort -o "$side" "$side" # inode numbers, and so cp's and rm's order, are not the same twice
        { echo "status $status" && (cd back && find . -printf '%p %y %n\n' | sort); } >>"$side"
        [ "$side" = auto ] || { rm -rf back && cp -a kept back; }
    done
    same plain auto
}

# keep: what both begins with
keep() {
    rm -rf kept
    cp -a back kept
}

@test "C4: links that a pool refuses file by file are refused at their call" {
    local errno
    sources 30
    keep
    for errno in EXDEV EMLINK EPERM; do
        OPTIONS=("--refuse=link:*[369]:$errno")
        rm -rf back && cp -a kept back
        both "$PROG/by-file" link s t 30
        [ "$(grep -c ": $errno$" auto)" -eq 9 ]
        grep -q '"by_file":' "$RECORD"
        rm -rf back && cp -a kept back
        both cp -al s u
        ! grep -q '"deferred":' "$RECORD"
    done
}

@test "C4: so are renames, symbolic links and directories that a full or read-only disk of a pool refuses" {
    local kind errno
    keep
    for kind in rename:EXDEV rename:EROFS symlink:ENOSPC mkdir:EROFS mkdir:ENOSPC; do
        errno=${kind#*:} kind=${kind%:*}
        OPTIONS=("--refuse=$kind:f*[369]:$errno")
        rm -rf back && cp -a kept back
        both "$PROG/by-file" "$kind" s t 30
        [ "$(grep -c ": $errno$" auto)" -eq 9 ]
    done
}

@test "C4: a removal that is refused for one file is so at its call, and nothing else is said" {
    local errno
    mkdir -p back/t/{1..4}
    touch back/t/{1..4}/f{1..20} back/t/3/keep7 back/t/4/keep9
    keep
    for errno in EROFS EBUSY EPERM; do
        OPTIONS=("--refuse=unlink:keep*:$errno")
        rm -rf back && cp -a kept back
        both rm -rf t
        [ "$(grep -c "^rm: cannot remove 't/[34]/keep[79]': " auto)" -eq 2 ]
        [ "$(grep -c ^rm: auto)" -eq 2 ]
    done
}

@test "C4: owner, mode and times of directories that a pool refuses are so at their call" {
    mkdir -p back/s/{1..5}
    touch back/s/{1..5}/f{1..4}
    keep
    # No name is in such a request, so one is refused by its number, and which it is depends on cp's order.
    NAMELESS=1
    OPTIONS=(-o subtype=pool --fail=setattr:6:EROFS)
    both cp -a --no-preserve=xattr s t
    ! grep -q '"deferred":' "$RECORD"
}

@test "C4: nothing is made early on an overlay, whose files may lie in different layers" {
    unshare -m true 2>/dev/null || skip "requires mounts"
    mkdir -p lower/s upper work
    touch lower/s/f{1..20}
    mount -t overlay -o "lowerdir=$PWD/lower,upperdir=$PWD/upper,workdir=$PWD/work" overlay mnt 2>/dev/null ||
        skip "requires overlay"
    cd mnt
    USHIM_STATS=$RECORD shim_in auto-forced cp -al s t
    USHIM_STATS=$RECORD shim_in auto-forced rm -rf t
    ! grep -q '"deferred":' "$RECORD"
}

@test "C4: a pool behind a server shows itself before anything is acknowledged, and is remembered" {
    sources 30
    keep
    OPTIONS=(-o subtype=sshfs "--refuse=link:*[369]:EXDEV")
    both "$PROG/by-file" link s t 30
    ! grep -q '"deferred":' "$RECORD"
    rm -rf back && cp -a kept back
    both "$PROG/by-file" fork s t 30
    ! grep -q '"deferred":' "$RECORD"
}

@test "where a directory decides, links and removals are acknowledged as ever" {
    local type
    mkdir -p back/s/{1..3}
    touch back/s/{1..3}/f{1..20}
    for type in "${BY_DIRECTORY[@]}"; do
        rm -f "$RECORD"
        enter_slow --delay=500us -o "subtype=$type"
        auto cp -al s t
        auto rm -rf t
        leave_slow
        [ "$(counted LINKAT deferred)" -ge 45 ] || fail "$type: $(counted LINKAT deferred) links"
        [ "$(counted UNLINKAT deferred)" -ge 40 ] || fail "$type: $(counted UNLINKAT deferred) removals"
    done
    rm "$RECORD"
    enter_slow --delay=500us -o subtype=anything
    auto cp -al s t
    leave_slow
    ! grep -q '"deferred":' "$RECORD"
}
