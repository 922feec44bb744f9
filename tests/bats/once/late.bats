#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Failures of commands that were acknowledged already. What the line says, and where: tests/unit.

load ../common

teardown() {
    mountpoint -q "$BATS_TEST_TMPDIR/slow" || return 0
    unmounted "$BATS_TEST_TMPDIR/slow" || umount -l "$BATS_TEST_TMPDIR/slow"
}

# asked COMMAND...: how many requests for attributes it makes with its stderr on slow storage.
asked() {
    sleep 0.05 # until the kernel's own copy is out of date
    "$@" >/dev/null &
    wait $!
    awk -v pid=$! '$3 == "getattr" && $NF == pid' log | wc -l
}

@test "C9: a process asks the storage that its stderr lies on nothing" {
    requires fuse
    [ -x "$BUILD/slowfs" ] || skip "requires libfuse3"
    cd "$BATS_TEST_TMPDIR"
    mkdir back slow
    "$BUILD/slowfs" --attr-timeout=0 --log="$PWD/log" back slow
    [ "$(asked env LD_PRELOAD="$LIB" /bin/true 2>slow/said)" = 0 ]
    [ "$(asked stat -L /dev/stderr 2>slow/said)" -gt 0 ] # one that does ask
}
