#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The transparency matrix: libc calls in awkward circumstances, printed; the output under the
# shim is the plain run's, byte by byte (C1, C2, C8). One test per file system and user.

load ../common

setup_file() {
    chmod o+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
    chmod 777 "$BATS_FILE_TMPDIR"
    umask 022
    export USHIM_TEST_LIB=$LIB # matrix-loader loads it once more
    local images=$BATS_FILE_TMPDIR/images # in memory: a disk's fsync is slow
    mkdir "$images"
    [ "$(id -u)" -ne 0 ] || mount -t tmpfs -o size=1g tmpfs "$images"
}

teardown_file() {
    ! mountpoint -q "$BATS_FILE_TMPDIR/images" || umount "$BATS_FILE_TMPDIR/images"
}

setup() {
    MOUNT=
    mkdir "$BATS_TEST_TMPDIR/open"
    chmod o+x "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/open"
    PLACE=$BATS_TEST_TMPDIR/open
    IMAGE=$BATS_FILE_TMPDIR/images/$BATS_TEST_NUMBER
}

teardown() {
    [ -z "$MOUNT" ] || umount "$MOUNT"
    rm -f "$IMAGE"
}

# mounted TYPE: a small file system of that type, made and mounted; PLACE is in it.
mounted() {
    MOUNT=$BATS_TEST_TMPDIR/open/$1
    mkdir "$MOUNT"
    case $1 in
    tmpfs) mount -t tmpfs -o size=32m tmpfs "$MOUNT" ;;
    ext4) image 32M mkfs.ext4 -q && mount -o loop "$IMAGE" "$MOUNT" ;;
    xfs) image 320M mkfs.xfs -q && mount -o loop "$IMAGE" "$MOUNT" ;;
    btrfs) image 256M mkfs.btrfs -q --mixed && mount -o loop "$IMAGE" "$MOUNT" ;;
    esac || {
        MOUNT=
        fail "no $1 could be made"
    }
    PLACE=$MOUNT
}

image() {
    truncate -s "$1" "$IMAGE"
    "${@:2}" "$IMAGE" >/dev/null
}

# Where the mode of this run is a refusal, the plain run is refused io_uring as well: a filter
# is something a program can see.
plain() {
    case $MODE in
    refused) "$PROG/refuse-uring" "$@" ;;
    *) "$@" ;;
    esac
}

# run_one NAME plain|shim [AS...]
run_one() {
    local name=$1 run=$2 place=$PLACE/$1.$2
    shift 2
    mkdir -m 777 "$place"
    "$@" "$run" "$PROG/matrix-$name" "$place" >"$BATS_TEST_TMPDIR/$name.$run"
    rm -rf "$place"
}

# both NAME [AS...]: the matrix program, plain and under the shim; the outputs have to agree.
both() {
    local name=$1 plain
    run_one "$1" plain "${@:2}" &
    plain=$!
    run_one "$1" shim "${@:2}"
    wait "$plain"
    ! grep 'it hung' "$BATS_TEST_TMPDIR/$name.plain" || fail "$name: a plain run hung"
    grep -q '^ended' "$BATS_TEST_TMPDIR/$name.plain" || fail "$name: nothing ran"
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
