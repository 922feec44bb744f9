#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C1 on storage that waits: every parity file of every-mode/ with its trees there, in auto. Each
# has to show by statistics that the shim went in. The local runs with USHIM_FORCE=1 are
# every-mode's own (auto-forced).

load ../common
load ../slow

setup() {
    requires_slow
    requires jq
    let_everybody_in
    chmod 777 "$BATS_TEST_TMPDIR/back"
}

teardown() {
    leave_slow
}

# What waits, longest where a command may be deferred; not what a test would only take longer by.
WAITS=100us,create:0,write:0,flush:0,release:0,releasedir:0,getxattr:0,listxattr:0
WAITS+=,link:300us,unlink:300us,symlink:300us,mkdir:300us,rmdir:300us,rename:300us

# parity_on_slow FILE [MODE [DELAY]]: the tests of every-mode/FILE.bats there
parity_on_slow() {
    enter_slow --delay="${3:-$WAITS}" --entry-timeout=0.2 --attr-timeout=0.2 --xattr -o suid,dev
    cd ..
    : >stats
    chmod 666 stats
    run env TMPDIR="$PWD/mnt" BUILD="${LIB%/*}" USHIM_STATS="$PWD/stats" USHIM_TEST_MODE="${2:-auto}" \
        BATS_TEST_TIMEOUT=400 bats --tap "$ROOT/tests/bats/every-mode/$1.bats"
    grep -av '^ok' <<<"$output" | head -60 >&2
    [ "$status" -eq 0 ]
}

# total KEY: over all its programs, as the statistics have it
total() {
    jq -s "[.[].$1 // 0] | add" stats
}

# at_least KEY LEAST [KEY LEAST]...
at_least() {
    local sum
    for ((; $#; )); do
        sum=$(total "$1")
        [ "$sum" -ge "$2" ] || fail "$1: $sum of $2"
        shift 2
    done
}

@test "C1: every parity file has a test here" {
    local file
    for file in "$ROOT"/tests/bats/every-mode/parity-*.bats; do
        file=${file##*/}
        grep -q "^    parity_on_slow ${file%.bats}\\b" "$BATS_TEST_FILENAME" || fail "$file has none"
    done
}

@test "C1: programs that read print the same in auto on slow storage" {
    parity_on_slow parity-readers
    at_least asked 200 'ops[].answered' 100
}

@test "C1: archives are the same in auto on slow storage" {
    parity_on_slow parity-archives
    at_least asked 200 'ops[].answered' 50 'ops[].deferred' 10
}

@test "C1: coreutils leave the same in auto on slow storage" {
    parity_on_slow parity-coreutils
    at_least asked 500 'ops[].answered' 200 'ops[].deferred' 300
}

@test "C1: git, databases, packages and compilers leave the same in auto on slow storage" {
    parity_on_slow parity-programs
    at_least asked 200 'ops[].answered' 50 'ops[].deferred' 10 grouped 5
}

# Hardly two of its thousands of calls are alike, so it has to be forced in, and a fact is missing for
# nearly each; what is called behind pending commands has a part of its own there. Not on slow storage
# are its tests on tmpfs and on ext4, which mount their own, and the one that counts in ring mode.
@test "C1: every call has its errno, forced on slow storage" {
    parity_on_slow parity-errnos auto-forced 0
    at_least 'ops[].shared' 5000 'ops[].timed' 5000 'ops[].deferred' 20
}

# fio and stress-ng share memory with their children, through which anybody could tell them
# anything: the shim is out of them before their first file, on any storage. The one about thousands
# of links mounts a tmpfs.
@test "C2: fio and stress-ng verify what they wrote on slow storage, which the shim leaves to them" {
    parity_on_slow parity-stress auto 0
    at_least 'ops[].plain' 10000
    [ "$(total asked)" -eq 0 ]
}
