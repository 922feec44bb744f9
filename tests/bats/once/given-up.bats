#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What auto gives up (README): changes that no library sees (system calls past libc), and news that needs no
# contents (a flag file that is there now). The modes that give up nothing show none of it, and README
# names both for those who need them.

load ../common

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
