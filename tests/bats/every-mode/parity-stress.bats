# SPDX-License-Identifier: MIT
# C1, C2: programs that read back what they wrote, and verify it.

load ../common

setup() {
    export BATS_TEST_TIMEOUT=120 LC_ALL=C
    WORK=$BATS_TEST_TMPDIR/work
    mkdir "$WORK"
    cd "$WORK" || return
}

teardown() {
    cd /
    unmounted "$WORK"
}

# verified_by_fio ENGINE [OPTION...]: writes at random, then reads all back with checksums
verified_by_fio() {
    local engine=$1 status=0
    shift
    shim fio --output=log --name="$engine" --ioengine="$engine" --directory="$WORK" --rw=randrw --bs=4k --size=2m \
        --verify=crc32c --verify_fatal=1 --verify_backlog=64 --fsync=64 --end_fsync=1 --randseed=7 "$@" || status=$?
    if [ "$status" -ne 0 ] || ! grep -q 'err= 0' log; then
        head -n 20 log >&2
        return 1
    fi
}

@test "C2: fio reads what it wrote, by pread and pwrite" {
    requires fio
    verified_by_fio psync
    verified_by_fio psync --thread --numjobs=3 --fdatasync=32
    verified_by_fio psync --bs=512-9k --bs_unaligned --fallocate=posix
}

@test "C2: fio reads what it wrote, by preadv, pwritev and their second forms" {
    requires fio
    verified_by_fio pvsync
    verified_by_fio pvsync2 --sync_file_range=write:32 --fallocate=keep
    verified_by_fio pvsync --thread --numjobs=3
}

@test "C2: fio reads what it wrote, by read, write, readv and writev at the file position" {
    requires fio
    verified_by_fio sync
    verified_by_fio vsync
    verified_by_fio sync --rw=write --direct=1
}

# stressed STRESSOR:OPERATIONS...: each verifies itself
stressed() {
    local stressor name count options
    for stressor; do
        IFS=: read -r name count options <<<"$stressor"
        # shellcheck disable=SC2086 # none, or one
        shim stress-ng --temp-path "$WORK" --verify "--$name" 1 "--$name-ops" "$count" $options >log 2>&1 || {
            tail -n 20 log >&2
            fail "$name"
        }
        ! grep -E ' (fail|error):' log >&2 || fail "$name"
    done
}

@test "C1: stress-ng verifies files, their contents and positions" {
    requires stress-ng
    stressed hdd:300:--hdd-bytes=1m seek:500:--seek-size=1m fallocate:3:--fallocate-bytes=1m iomix:50:--iomix-bytes=1m \
        revio:100 sync-file:10:--sync-file-bytes=1m fsize:10 readahead:2 fstat:20 open:200 access:30 dup:50 flock:100 locka:50
}

@test "C1: stress-ng verifies names and what is kept with them" {
    requires stress-ng
    stressed dentry:300 rename:300 dir:60 dirdeep:60 dirmany:100 utime:200 xattr:10 chmod:30 chown:30 filename:30 \
        getdent:100 touch:100 mknod:30
}

@test "C1: stress-ng verifies links, thousands of them" {
    requires stress-ng
    requires root
    mount -t tmpfs tmpfs "$WORK"
    cd "$WORK"
    stressed link:1 symlink:1
}
