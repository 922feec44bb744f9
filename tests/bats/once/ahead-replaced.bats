#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# alone
# What was asked ahead by a number or a name that has become another's meanwhile, before a
# worker of the kernel's came to it.
# While anybody on the machine holds a lease nothing is read ahead, and other tests take some.

load ../common

setup() {
    requires uring
    cd "$BATS_TEST_TMPDIR" || return
    mkdir a b
}

# at_once PROGRAM...: what says 77 is not permitted here.
at_once() {
    local status=0
    USHIM_FORCE=1 USHIM_STATS=$PWD/record shim_in auto "$@" || status=$?
    [ "$status" -ne 77 ] || skip "requires SCHED_FIFO"
    [ "$status" -eq 0 ] || fail "$*: status $status"
}

# most KEY: the most of it that one program has in the statistics
most() {
    sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" record | sort -n | tail -n 1
}

# recorded KEY LEAST: the statistics have at least that many.
recorded() {
    local count
    count=$(most "$1")
    [ "$count" -ge "$2" ] || fail "$1: only $count"
}

# no_fifo_opened WHERE FETCHED WAY...: in a new directory WHERE/WAY each, though so much is read ahead
no_fifo_opened() {
    local where=$1 fetched=$2 way
    shift 2
    for way; do
        mkdir "$where/$way"
        rm -f record
        at_once "$PROG/ahead-fifo" "$way" "$where/$way"
        recorded fetched "$fetched"
    done
}

@test "C2: questions by a number that is another directory's by now are not answered from there" {
    local way file
    for file in {1..60}; do
        printf a >"a/f$file"
        printf bb >"b/f$file"
    done
    for way in close closedir dup2 close_range; do
        rm -f record
        at_once "$PROG/ahead-reuse" "$way" a b
        recorded asked 1000
    done
}

@test "No FIFO is opened ahead that took a file's name, by own doing, a child's or a stranger's" {
    USHIM_STALE_MS=60000 no_fifo_opened . 3 unlink rename swap chdir child
    mkdir stranger
    USHIM_STALE_MS=20 at_once "$PROG/ahead-fifo" stranger stranger
}

# leased WAY DIRECTORY: ahead-lease in both modes
leased() {
    local mode status
    for mode in auto strict; do
        mkdir -p "$2/$mode"
        status=0
        USHIM_STALE_MS=60000 USHIM_FORCE=1 shim_in "$mode" "$PROG/ahead-lease" "$1" "$2/$mode" || status=$?
        [ "$status" -ne 77 ] || skip "requires leases"
        [ "$status" -eq 0 ] || fail "$mode: status $status"
    done
}

@test "A file under somebody's lease is not opened ahead" {
    leased held .
}

@test "A file whose lease was taken since the last look is not waited for by whoever opens it ahead" {
    leased taken .
}

# on_slowfs COMMAND...: in the directory back, seen through slowfs as mnt.
on_slowfs() {
    requires fuse
    [ -x "$BUILD/slowfs" ] || skip "requires libfuse3"
    mkdir -p back mnt
    "$BUILD/slowfs" "$@" back mnt
}

teardown() {
    unmounted "$BATS_TEST_TMPDIR/mnt" || umount -l "$BATS_TEST_TMPDIR/mnt"
}

@test "No FIFO is opened ahead by a number that is another directory's by now" {
    on_slowfs --entry-timeout=0 --attr-timeout=0
    no_fifo_opened mnt 100 close dup2
}

@test "What was opened ahead is closed before its name goes, by unlink or rename" {
    local way
    for way in unlink rename; do
        rm -rf back/d back/d.other
        mkdir -p back/d back/d.other
        touch back/d/f{1..60}
        on_slowfs --delay=open:5ms
        rm -f record
        USHIM_STALE_MS=60000 at_once "$PROG/ahead-removed" "$way" mnt/d
        unmounted mnt
        recorded fetched 20
    done
}

@test "What is being read ahead is closed before the program takes a lease on it" {
    on_slowfs --delay=read:200ms
    leased own mnt
}

@test "Nor on storage where every type has to be asked for" {
    on_slowfs --delay=1ms
    USHIM_STALE_MS=60000 no_fifo_opened mnt 3 unlink rename swap chdir child symlink
}

@test "On a local disk the types of operands cost no worker: they are looked up where the program is" {
    local file
    for file in {1..300}; do
        echo "$file" >"a/f$file"
    done
    at_once cat a/f* >all
    [ "$(wc -l <all)" = 300 ]
    recorded fetched 200
    [ "$(most asked)" -lt 100 ] || fail "$(most asked) questions"
}

@test "C2: nor by words below a number that is another directory's by now" {
    local file
    mkdir -p back/a/d back/b/d
    for file in {00..39}; do # in the order of names, whatever their inodes
        printf a >"back/a/d/f$file"
        printf bb >"back/b/d/f$file"
    done
    on_slowfs --delay=2ms
    shim_in auto ls -l mnt/a >/dev/null # warms nothing of d
    USHIM_STALE_MS=60000 at_once "$PROG/ahead-spelled" mnt/a mnt/b
    recorded asked 20
}

@test "What is asked about a name here and there is asked ahead in both places" {
    local file
    mkdir -p back/s/d back/t/d
    for file in {1..50}; do
        touch "back/s/d/f$file"
    done
    for file in {50..1}; do # listed in another order, where that is the order of coming
        cp -p "back/s/d/f$file" back/t/d
    done
    on_slowfs --delay=2ms
    USHIM_STATS=$PWD/record shim_in auto cp -ru mnt/s/. mnt/t
    recorded used 70
    diff -r back/s back/t
}

@test "A directory the shim lists for itself keeps its access time" {
    local accessed
    mkdir -p back/d
    touch back/d/f{1..20}
    touch -a -d '2001-01-01' back/d
    ls back/d >/dev/null
    [ "$(stat -c %X back/d)" -gt 1000000000 ] || skip "requires access times"
    touch -a -d '2001-01-01' back/d
    accessed=$(stat -c %X back/d)
    on_slowfs --delay=2ms --log=log
    # A directory is opened; then, after three slow questions by name, d is listed for the next.
    USHIM_MODE=auto LD_PRELOAD=$LIB bash -c ': mnt/*; for i in {1..20}; do [ -f mnt/d/f$i ]; done'
    [ "$(grep -c ' opendir ' log)" -ge 2 ] || fail "it was not listed"
    [ "$(stat -c %X back/d)" = "$accessed" ]
}
