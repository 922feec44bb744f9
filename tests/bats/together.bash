# SPDX-License-Identifier: MIT
# What the tests of fsyncs that are started together share.

SYNCS=$PROG/syncs

setup() {
    WORK=$BATS_TEST_TMPDIR
    MARKS=$WORK/marks LOG=$WORK/log RECORD=$WORK/record
    export USHIM_STALE_MS=60000 # however busy this machine is
}

teardown() {
    unmounted "$WORK/slow" || umount -l "$WORK/slow"
}

requires_slow() {
    requires fuse
    [ -x "$BUILD/slowfs" ] || skip "requires libfuse3"
}

# mounted OPTION...: storage in $WORK/slow, where fsync waits.
mounted() {
    mkdir -p "$WORK/back" "$WORK/slow"
    "$BUILD/slowfs" --delay=0,fsync:200us "$@" "$WORK/back" "$WORK/slow"
}

# slow OPTION...: the same, with a log, and the kernel writes behind.
slow() {
    requires uring
    requires_slow
    mounted --writeback --log="$LOG" "$@"
}

# counted WHAT LEAST: so many of these are in the statistics of all that ran.
counted() {
    local sum
    sum=$(grep -o "\"$1\":[0-9]*" "$RECORD" | awk -F: '{ sum += $2 } END { print sum + 0 }')
    [ "$sum" -ge "$2" ] || fail "only $sum fsyncs were started together, $1"
}

# in_play LEAST: so many fsyncs were started together, and so many the program came for.
in_play() {
    counted grouped_used "$1"
}
