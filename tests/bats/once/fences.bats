#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C5: nothing is pending at a fence. tests/prog/fences.c has a row for each; an observer without
# the library looks at what is there at the moment the outside is told something.

load ../common
load ../slow

setup() {
    requires uring
    cd "$BATS_TEST_TMPDIR" || return
    mkdir back own
    : >back/source
}

teardown() {
    leave_slow
}

# fences WORK SLOW [WRAPPER...]: every row is well
fences() {
    local work=$1 slow=$2
    shift 2
    "$@" "$PROG/fences" "$work" "$LIB" "$PWD/$slow" "$PWD/back" "$PWD/own" >rows 2>errors ||
        fail "$(grep -Ev '^(ok|skip) ' rows)"
    [ "$(grep -c '^ok ' rows)" -ge 190 ]
}

slowly() {
    requires_slow
    enter_slow --delay=link:2ms,mkdir:2ms,unlink:2ms
    cd ..
}

@test "C5: who is told of anything finds all names made before it" {
    slowly
    fences links mnt env USHIM_MODE=auto
}

@test "C5: who is told of anything finds all names removed before it gone" {
    slowly
    fences unlinks mnt env USHIM_MODE=auto
}

@test "C5: forced, on local storage" {
    fences links back env USHIM_MODE=auto USHIM_FORCE=1
    fences unlinks back env USHIM_MODE=auto USHIM_FORCE=1
}

@test "C5: forced, on local storage, as an ordinary user" {
    requires root
    let_everybody_in
    chown -R 65534:65534 back own
    chmod a+x .
    fences links back as_user env USHIM_MODE=auto USHIM_FORCE=1
    fences unlinks back as_user env USHIM_MODE=auto USHIM_FORCE=1
}
