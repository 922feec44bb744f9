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

leave_slow() {
    cd "$BATS_TEST_TMPDIR" || return
    unmounted mnt || umount -l mnt
}

# plain|auto COMMAND...: without the library; under it, with a record in the file $RECORD
plain() {
    "$@"
}

auto() {
    USHIM_STATS=$RECORD shim_in auto "$@"
}

# slow_tree DIRS FILES: back/src, DIRS directories of FILES files, each with words of its own.
slow_tree() {
    local dir file
    for ((dir = 1; dir <= $1; dir++)); do
        mkdir -p "$BATS_TEST_TMPDIR/back/src/d$dir"
        for ((file = 1; file <= $2; file++)); do
            echo "$dir.$file" >"$BATS_TEST_TMPDIR/back/src/d$dir/f$file"
        done
    done
}
