#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The transparency matrix: libc calls in awkward circumstances, printed; the output under the
# shim is the plain run's, byte by byte (C1, C2, C8). One test per file system and user.

load ../common

setup_file() {
    chmod o+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
    chmod 777 "$BATS_FILE_TMPDIR"
    umask 022
}

setup() {
    MOUNT=
    mkdir "$BATS_TEST_TMPDIR/open"
    chmod o+x "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/open"
    PLACE=$BATS_TEST_TMPDIR/open
}

teardown() {
    [ -z "$MOUNT" ] || umount "$MOUNT"
}

# mounted TYPE: a small file system of that type, made and mounted; PLACE is in it.
mounted() {
    MOUNT=$BATS_TEST_TMPDIR/open/$1
    mkdir "$MOUNT"
    case $1 in
    tmpfs) mount -t tmpfs -o size=32m tmpfs "$MOUNT" ;;
    ext4) image 32M mkfs.ext4 -q && mount -o loop "$MOUNT.image" "$MOUNT" ;;
    xfs) image 320M mkfs.xfs -q && mount -o loop "$MOUNT.image" "$MOUNT" ;;
    btrfs) image 128M mkfs.btrfs -q && mount -o loop "$MOUNT.image" "$MOUNT" ;;
    esac || {
        MOUNT=
        fail "no $1 could be made"
    }
    PLACE=$MOUNT
}

image() {
    truncate -s "$1" "$MOUNT.image"
    "${@:2}" "$MOUNT.image" >/dev/null
}

# Where the mode of this run is a refusal, the plain run is refused io_uring as well: a filter
# is something a program can see.
plain() {
    case $MODE in
    refused) "$PROG/refuse-uring" "$@" ;;
    *) "$@" ;;
    esac
}

# both NAME [AS...]: the matrix program, plain and under the shim; the outputs have to agree.
both() {
    local name=$1 run
    shift
    for run in plain shim; do
        mkdir -m 777 "$PLACE/$name"
        "$@" "$run" "$PROG/matrix-$name" "$PLACE/$name" >"$BATS_TEST_TMPDIR/$name.$run"
        rm -rf "${PLACE:?}/$name"
    done
    grep -q 'it hung' "$BATS_TEST_TMPDIR/$name.plain" && fail "$name: a plain run hung"
    [ "$(grep -c '^ended' "$BATS_TEST_TMPDIR/$name.plain")" -gt 0 ]
    same "$BATS_TEST_TMPDIR/$name.plain" "$BATS_TEST_TMPDIR/$name.shim"
}

# as_user runs commands, not functions of this file.
ordinary() {
    local run=$1
    shift
    "$run" as_user "$@"
}

matrix() {
    local program failed=0
    for program in "$ROOT"/tests/prog/matrix-*.c; do
        program=${program##*/matrix-}
        both "${program%.c}" "$@" || failed=1
    done
    return "$failed"
}

@test "C1, C8: the transparency matrix is identical on the temporary directory as root" {
    requires root
    matrix
}

@test "C1, C8: the transparency matrix is identical on the temporary directory as an ordinary user" {
    matrix ordinary
}

@test "C1, C8: the transparency matrix is identical on ext4 as root" {
    requires root
    requires loop
    requires mkfs.ext4
    mounted ext4
    matrix
}

@test "C1, C8: the transparency matrix is identical on ext4 as an ordinary user" {
    requires loop
    requires mkfs.ext4
    mounted ext4
    matrix ordinary
}

@test "C1, C8: the transparency matrix is identical on tmpfs as root" {
    requires root
    mounted tmpfs
    matrix
}

@test "C1, C8: the transparency matrix is identical on tmpfs as an ordinary user" {
    requires root
    mounted tmpfs
    matrix ordinary
}

@test "C1, C8: the transparency matrix is identical on xfs as root" {
    requires root
    requires loop
    requires mkfs.xfs
    mounted xfs
    matrix
}

@test "C1, C8: the transparency matrix is identical on xfs as an ordinary user" {
    requires loop
    requires mkfs.xfs
    mounted xfs
    matrix ordinary
}

@test "C1, C8: the transparency matrix is identical on btrfs as root" {
    requires root
    requires loop
    requires mkfs.btrfs
    mounted btrfs
    matrix
}

@test "C1, C8: the transparency matrix is identical on btrfs as an ordinary user" {
    requires loop
    requires mkfs.btrfs
    mounted btrfs
    matrix ordinary
}
