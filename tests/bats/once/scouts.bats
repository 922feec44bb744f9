#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Directories opened and listed ahead of a walk (tests/prog/walks.c): the program gets what it would
# have got, its own changes are seen, and nobody shows who went ahead.

load ../common
load ../slow

WALKS=$PROG/walks

setup() {
    FIRST=${USHIM_TEST_SEED:-1}
    LAST=$((FIRST + ${USHIM_TEST_WALKS:-4} - 1))
    requires_slow
    requires jq
    cd "$BATS_TEST_TMPDIR" || return
    tree back/top
    mkdir plain-back
    tree plain-back/top
}

teardown() {
    leave_slow
}

# tree DIRECTORY: d0 to d9, three more in each, of three files, and one in each of these
tree() {
    local one two
    for one in d{0..9}; do
        mkdir -p "$1/$one"/d{0..2}/below
        for two in . d{0..2}; do
            touch "$1/$one/$two"/f{0..2}
        done
    done
}

# served LEAST: so many directories were opened ahead for the program
served() {
    local count
    count=$(jq -s '[.[].ops | (.OPENAT.answered // 0) + (.OPENDIR.answered // 0)] | add' "$RECORD")
    [ "$count" -ge "$1" ] || fail "only $count directories were opened ahead"
}

# as_plain LEAST ARGUMENT...: what walks prints and leaves, on slow storage, is as without the library
as_plain() {
    local least=$1 status=0
    shift
    RECORD=$BATS_TEST_TMPDIR/record
    rm -f "$RECORD"
    (cd plain-back && "$WALKS" "$@") >plain 2>&1
    enter_slow --delay=1ms
    USHIM_STALE_MS=${STALE:-1000} auto "$WALKS" "$@" >../auto 2>&1 || status=$?
    leave_slow
    [ "$status" -eq 0 ] || fail "status $status: $(tail -n 3 auto)"
    same plain auto
    diff <(cd plain-back && find . -printf '%p %y %m\n' | sort) <(cd back && find . -printf '%p %y %m\n' | sort)
    served "$least"
}

@test "C8: numbers, flags and positions of directories that were opened ahead are as they would be" {
    as_plain 1 numbers top
}

@test "C1: directories opened by path, and read again from the beginning" {
    as_plain 1 paths top
}

@test "C1: directories opened twice" {
    as_plain 1 twice top
}

@test "C1: what no library hears reads a directory that was opened ahead from its beginning" {
    as_plain 1 raw top
}

@test "C2: a walk sees what its own process has changed where it comes to next" {
    local seed
    for ((seed = FIRST; seed <= LAST; seed++)); do
        as_plain 0 changes top "$seed"
        rm -rf back/* plain-back/*
        tree back/top
        tree plain-back/top
    done
}

@test "C3: what others changed is seen once a listing is no longer young" {
    STALE=10 as_plain 0 untold top # (on a busy machine nothing is young enough)
}

@test "C8: nobody sees the threads that go ahead" {
    as_plain 1 counts top
}

@test "C8: who becomes somebody else may not list what that one may not" {
    [ "$(id -u)" -eq 0 ] || skip "requires root"
    chmod 755 "$BATS_TEST_TMPDIR" back plain-back
    chmod 700 {back,plain-back}/top/d[3-9]
    cp -p "$WALKS" "$BATS_TEST_TMPDIR/walks" # (who he becomes may not get at the other)
    export USHIM_FORCE=1
    (cd plain-back && ../walks becomes top) >plain 2>&1 || :
    (cd back && shim_in auto ../walks becomes top) >auto 2>&1 || :
    same plain auto
    grep -q EACCES auto
}

@test "C8: a fork and a new user name space in the middle of a walk" {
    as_plain 1 leaves top
}

@test "a process that watches files has nothing opened ahead" {
    as_plain 0 watches top
    served 1 && fail "a directory was opened ahead"
    [ "$(jq -s '[.[].ops.FSTATAT.answered] | add' "$RECORD")" -gt 0 ]
}

@test "what was opened ahead and is not come for is closed before the program ends" {
    enter_slow --delay=1ms "--log=$BATS_TEST_TMPDIR/log"
    USHIM_MODE=auto LD_PRELOAD=$LIB find top -name d0 -prune -o -name d4 -quit >/dev/null
    cd ..
    unmounted mnt
    [ "$(grep -c ' opendir ' log)" -eq "$(grep -c ' releasedir ' log)" ]
}
