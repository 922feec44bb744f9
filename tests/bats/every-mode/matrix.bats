#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The transparency matrix: libc calls in awkward circumstances, printed; the output under the
# shim is the plain run's, byte by byte (C1, C2, C8). One test per file system and user.

load ../common

setup_file() {
    umask 022
    let_everybody_in "$BATS_FILE_TMPDIR"
    chmod 777 "$BATS_FILE_TMPDIR"
    export USHIM_TEST_LIB=$LIB # matrix-loader loads it once more
    local images=$BATS_FILE_TMPDIR/images # in memory: a disk's fsync is slow
    mkdir "$images"
    [ "$(id -u)" -ne 0 ] || mount -t tmpfs -o size=1g tmpfs "$images"
}

teardown_file() {
    unmounted "$BATS_FILE_TMPDIR/images"
}

setup() {
    let_everybody_in "$BATS_FILE_TMPDIR"
    MOUNT=
    mkdir "$BATS_TEST_TMPDIR/open"
    chmod o+x "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/open"
    PLACE=$BATS_TEST_TMPDIR/open
    IMAGE=$BATS_FILE_TMPDIR/images/$BATS_TEST_NUMBER
}

teardown() {
    [ -z "$MOUNT" ] || unmounted "$MOUNT"
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
# (bats ends a test at a failed command, but not left of "||", where this is called.)
both() {
    local name=$1 plain
    run_one "$1" plain "${@:2}" &
    plain=$!
    run_one "$1" shim "${@:2}"
    wait "$plain"
    if grep 'it hung' "$BATS_TEST_TMPDIR/$name.plain"; then
        fail "$name: a plain run hung"
        return
    fi
    tail -n 1 "$BATS_TEST_TMPDIR/$name.plain" | grep -qx 'all cases done' || {
        fail "$name: a plain run came to no end"
        return
    }
    same "$BATS_TEST_TMPDIR/$name.plain" "$BATS_TEST_TMPDIR/$name.shim"
}

# ordinary plain|shim COMMAND...: under refuse-uring a command has to be one, not a function.
ordinary() {
    local run=$1
    shift
    if [ "$(id -u)" -eq 0 ]; then
        "$run" setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    else
        "$run" "$@"
    fi
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
