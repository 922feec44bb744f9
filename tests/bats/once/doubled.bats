#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Storage whose inode numbers are no identity: 0 for all, or one for all directories beside each
# other (tests/prog/doubled.c). What is done in one directory is done there, and what is asked
# about one is answered from there.

load ../common
load ../slow

DOUBLED=$PROG/doubled

teardown() {
    if mountpoint -q "$BATS_TEST_TMPDIR/mnt"; then umount -l "$BATS_TEST_TMPDIR/mnt"; fi
}

# The same names are of files of another size elsewhere; those in gone are linked in s too.
setup_file() {
    local name
    mkdir -p "$BATS_FILE_TMPDIR"/{s,b,c,gone/s,gone/b,top/sub,top2/sub}
    cd "$BATS_FILE_TMPDIR" || return
    touch {s,gone/s,gone/b,top/sub}/file{00..39}
    for name in file{00..39}; do
        echo "$name" >"c/$name"
        echo "$name" >"top2/sub/$name"
    done
    cp -l s/* gone/
}

odd_tree() {
    rm -rf back
    cp -a "$BATS_FILE_TMPDIR" back
}

# What is there, and of which kind and size, mode and time where they are set.
odd_facts() {
    find back -printf '%P %y %m %n %l\n' | sort
    # A time that was set is an old one.
    find back/a back/b -maxdepth 0 ! -newermt 2010-01-01 -printf '%P %T@\n' 2>/dev/null || :
}

# as_plain_on OPTION WHAT
as_plain_on() {
    local run
    for run in plain shim; do
        odd_tree
        enter_slow --delay=300us "$1"
        if [ "$run" = plain ]; then
            "$DOUBLED" "$2" >../plain.said 2>&1
        else
            USHIM_FORCE=1 shim_in auto "$DOUBLED" "$2" >../shim.said 2>&1 || fail "status $?"
        fi
        leave_slow
        odd_facts >"$run.facts"
    done
    same plain.said shim.said
    same plain.facts shim.facts
}

# both WHAT
both() {
    requires_slow
    cd "$BATS_TEST_TMPDIR" || return
    as_plain_on --inodes=siblings "$1"
    as_plain_on --inodes=zero "$1"
}

@test "C2: a link is made in the directory it names, whatever number that shows" { both link; }

@test "C4: a directory is not removed on the strength of another's being empty" { both remove; }

@test "C2: mode and times are set of the directory they are meant for" { both attrs; }

@test "C2: names made in two directories of one number are where they belong" { both make; }

@test "C2: directories of one number that were acknowledged are made once each" { both below; }

@test "C1: answers come from the directory that was asked about" { both stat; }

@test "C1: answers by a spelling come from where it begins now" { both spelled; }

@test "C2: a removal shows in the links of the file, where a listing has no inode numbers" {
    requires_slow
    cd "$BATS_TEST_TMPDIR" || return
    as_plain_on --listing=no-numbers nlink
    as_plain_on --listing=no-types,no-numbers nlink
    as_plain_on --listing=no-types nlink
}
