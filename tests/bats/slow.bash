# SPDX-License-Identifier: MIT
# Slow storage for a test: the directory back, mounted as mnt, both in $BATS_TEST_TMPDIR.

# requires_slow: skips where there can be none.
requires_slow() {
    requires fuse
    requires uring
    [ -x "$BUILD/slowfs" ] || skip "requires libfuse3"
    mkdir -p "$BATS_TEST_TMPDIR/back" "$BATS_TEST_TMPDIR/mnt"
}

# enter_slow OPTION...: mounted with these options of slowfs, and the current directory.
enter_slow() {
    "$BUILD/slowfs" "$@" "$BATS_TEST_TMPDIR/back" "$BATS_TEST_TMPDIR/mnt"
    cd "$BATS_TEST_TMPDIR/mnt" || return
}

# leave_slow: io-wq's exit is asynchronous, so the mount may be busy for a moment.
leave_slow() {
    local try
    cd "$BATS_TEST_TMPDIR" || return
    for try in $(seq 50); do
        mountpoint -q mnt || return 0
        umount mnt 2>/dev/null && return
        sleep 0.1
    done
    umount -l mnt
}
