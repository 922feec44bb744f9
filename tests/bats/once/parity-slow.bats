#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C1 on storage that waits just enough for the shim to go in and out again and again.

load ../common

setup() {
    requires fuse
    [ -x "$BUILD/slowfs" ] || skip "requires libfuse3"
    mkdir "$BATS_TEST_TMPDIR/back" "$BATS_TEST_TMPDIR/mnt"
    "$BUILD/slowfs" --delay=100us --xattr -o suid,dev "$BATS_TEST_TMPDIR/back" "$BATS_TEST_TMPDIR/mnt"
    chmod 777 "$BATS_TEST_TMPDIR/mnt"
}

teardown() {
    umount "$BATS_TEST_TMPDIR/mnt" 2>/dev/null || :
}

# parity_on_slow MODE FILE: the tests of every-mode/FILE with their trees on the slow storage.
parity_on_slow() {
    run env TMPDIR="$BATS_TEST_TMPDIR/mnt" USHIM_TEST_MODE="$1" \
        bats --tap "$ROOT/tests/bats/every-mode/$2.bats"
    grep -av '^ok' <<<"$output" | head -60 >&2
    [ "$status" -eq 0 ]
    grep -aq '^ok' <<<"$output"
}

@test "C1: programs that read print the same in auto on slow storage" {
    parity_on_slow auto parity-readers
}

@test "C1: archives are the same in auto on slow storage" {
    parity_on_slow auto parity-archives
}
