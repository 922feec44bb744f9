#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What auto gives up (README): changes that no library sees (system calls past libc), news that needs no
# contents (a flag file that is there now), and that a listed name was not there any more. The modes that give up
# nothing show none of it, and README names all of it for those who need them.

load ../common
load ../slow

setup() {
    requires uring
    cd "$BATS_TEST_TMPDIR" || return
}

# asked MODE HOW: what a run says
asked() {
    rm -rf d flags
    mkdir d flags
    (cd d && touch f{100..199})
    shim_in "$1" "$PROG/unseen" "$2" "$PWD/d" "$PWD/flags/flag"
}

@test "C3: strict and ring show every change, by system calls past libc too, and behind any flag" {
    local mode how
    for mode in off strict-forced ring; do
        for how in raw stat access open list; do
            [ "$(asked "$mode" "$how")" = "0 of 50 as they were before" ] || fail "$mode, $how"
        done
    done
}

@test "README says what auto gives up: news without contents, and system calls past libc" {
    local section
    section=$(sed -n '/^## What `auto` gives up/,/^## /p' "$ROOT/README.md" | tr '\n' ' ')
    [[ $section == *"flag file"* ]]
    [[ $section == *"system calls of its own"* ]]
}

teardown() {
    if mountpoint -q "$BATS_TEST_TMPDIR/mnt"; then umount -l "$BATS_TEST_TMPDIR/mnt"; fi
}

# gone MODE: how many names were listed and not there, as the removal of 12 files and as many ghosts from each of two directories has it
gone() {
    mkdir "$BATS_TEST_TMPDIR"/back/{d,e}
    touch "$BATS_TEST_TMPDIR"/back/{d,e}/f{1..12}
    enter_slow --listing=ghosts
    USHIM_STATS=$BATS_TEST_TMPDIR/record.$1 shim_in "$1" "$PROG/ghosts" d e
    leave_slow
    rmdir "$BATS_TEST_TMPDIR"/back/{d,e}
}

@test "C6: that a listed name was not there any more is told by a plain unlink, and where it was acknowledged counted" {
    requires_slow
    local mode told
    for mode in off strict-forced ring; do
        told=$(gone "$mode")
        [ "$told" -eq 24 ] || fail "$mode: $told"
    done
    told=$(gone auto-forced 2>"$BATS_TEST_TMPDIR/errors")
    [ "$told" -lt 24 ]
    [ ! -s "$BATS_TEST_TMPDIR/errors" ]
    grep -q "\"late_gone\":$((24 - told))," "$BATS_TEST_TMPDIR/record.auto-forced"
    grep -q '"late":0,' "$BATS_TEST_TMPDIR/record.auto-forced"
    tr '\n' ' ' <"$ROOT/README.md" | grep -q 'A name that was listed and is gone by the time it is unlinked'
}
