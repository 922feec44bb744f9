#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C6 for every kind of command: one that fails after all is said once, in the right words, the status
# is 1, and the rest is there. behind.bats has links, unlinks and the ways out.

load ../common
load ../slow

setup() {
    requires_slow
    cd "$BATS_TEST_TMPDIR" || return
    : >back/d.source
}

teardown() {
    leave_slow
    cd /
}

# many KIND: its status
many() {
    local status=0
    shim_in auto "$PROG/losing" many "$1" d 2>../errors || status=$?
    echo "$status"
}

@test "C6: a link, symlink, mkdir or rename that fails late is said once, and the rest is there" {
    local kind errno text says
    for kind in link symlink mkdir rename; do
        for errno in EIO ENOSPC EACCES; do
            case $errno in
            EIO) text='Input/output error' ;;
            ENOSPC) text='No space left on device' ;;
            EACCES) text='Permission denied' ;;
            esac
            says=${kind}at
            # The first is d itself (mkdir), and one is made plainly.
            enter_slow --delay=$kind:500us,mkdir:500us "--fail=$kind:4:$errno"
            [ "$(many $kind)" -eq 1 ] || fail "$kind, $errno: status"
            leave_slow
            [ "$(wc -l <errors)" -eq 1 ] || fail "$kind, $errno: $(cat errors)"
            grep -qx "ushim: $says 'd/n[0-9]*': $text (reported late)" errors || fail "$(cat errors)"
            [ "$(find back/d -mindepth 1 -maxdepth 1 -name 'n*' | wc -l)" -eq 39 ] ||
                fail "$kind, $errno: the rest"
            rm -rf back/d
        done
    done
}

@test "C6: a directory that cannot be removed after all is said, and stays" {
    local errno
    for errno in EIO EACCES; do
        mkdir -p back/s/{1..6}
        touch back/s/{1..6}/{1..12}
        enter_slow --delay=500us "--fail=rmdir:4:$errno" # the first is made plainly
        status=0
        shim_in auto rm -rf s 2>../errors || status=$?
        leave_slow
        [ "$status" -eq 1 ]
        grep -q "^ushim: rmdir 's/[1-6]': .* (reported late)" errors || fail "$(cat errors)"
        [ -d back/s ]
        [ "$(find back/s -type f | wc -l)" -eq 0 ]
        rm -rf back/s
    done
}

@test "C6: times, owners or modes of a directory that fail are said, early or late" {
    local nth
    mkdir -p back/s/a back/s/b
    touch back/s/a/{1..12} back/s/b/{1..12}
    chmod 750 back/s/a back/s/b
    for nth in 1 2 3 4 5 6; do
        enter_slow --delay=500us "--fail=setattr:$nth:EIO"
        status=0
        cp -al s d 2>../errors.plain || status=$?
        leave_slow
        rm -rf back/d
        enter_slow --delay=500us "--fail=setattr:$nth:EIO"
        late=0
        shim_in auto cp -al s d 2>../errors || late=$?
        leave_slow
        [ "$late" -eq "$status" ] || fail "$nth: $late for $status: $(cat errors)"
        [ "$status" -eq 0 ] || [ -s errors ]
        [ "$(find back/d -type f | wc -l)" -eq 24 ]
        rm -rf back/d
    done
}

@test "C6: a stranger who makes the name first keeps it, and that is said" {
    local try
    for try in 1 2 3 4 5; do
        enter_slow --delay=500us --hang=link:4:1s
        {
            until [ -e ../back/d/n1 ]; do :; done
            echo stranger >../back/d/n39
        } &
        status=$(many link)
        wait
        leave_slow
        [ "$(find back/d -name 'n*' | wc -l)" -eq 40 ]
        [ "$(cat back/d/n39)" = stranger ] || { # he came too late
            rm -rf back/d
            continue
        }
        [ "$status" -eq 1 ]
        [ "$(cat errors)" = "ushim: linkat 'd/n39': File exists (reported late)" ] || fail "$(cat errors)"
        return 0
    done
    fail "the stranger was never first"
}

# ends_with_1 COMMAND...: under the library; what it says on standard error is in errors
ends_with_1() {
    local status=0
    shim_in auto "$@" 2>"$BATS_TEST_TMPDIR/errors" >"$BATS_TEST_TMPDIR/said" || status=$?
    [ "$status" -eq 1 ]
}

@test "C6: the line says where, however the program spells it" {
    mkdir -p back/s/a
    touch back/s/a/{1..12}
    # By a descriptor, as rm and cp spell it: from where we are.
    enter_slow --delay=500us --fail=unlink:6:EIO
    ends_with_1 rm -rf s
    leave_slow
    grep -qx "ushim: unlinkat 's/a/[0-9]*': Input/output error (reported late)" errors || fail "$(cat errors)"
    # From elsewhere: all of it.
    touch back/s/a/{1..12}
    enter_slow --delay=500us --fail=unlink:6:EIO
    (cd / && ends_with_1 rm -rf "$OLDPWD/s")
    leave_slow
    grep -qx "ushim: unlinkat '$PWD/mnt/s/a/[0-9]*': Input/output error (reported late)" errors ||
        fail "$(cat errors)"
    # A name alone, in a directory that the program went to: never just that name.
    enter_slow --delay=500us --fail=link:6:EIO
    ends_with_1 "$PROG/make-names" link d.source t
    leave_slow
    grep -qx "ushim: linkat '$PWD/mnt/t/n[0-9]*': Input/output error (reported late)" errors ||
        fail "$(cat errors)"
    # With a directory, but below a descriptor, which is not where we are.
    enter_slow --delay=500us --fail=link:6:EIO
    ends_with_1 "$PROG/make-names" below d.source below
    leave_slow
    grep -qx "ushim: linkat '$PWD/mnt/below/n[0-9]*': Input/output error (reported late)" errors ||
        fail "$(cat errors)"
}

@test "C6: a directory that stays because a file in it does adds no line" {
    local errno
    mkdir -p kept/t/{1..4}/{a,b}
    touch kept/t/{1..4}/{a,b}/f{1..15} kept/t/3/a/keep1 kept/t/4/b/keep2
    for errno in EROFS EPERM EBUSY; do
        cp -r kept/t back
        enter_slow --delay=500us -o subtype=slowfs "--refuse=unlink:keep*:$errno"
        ! USHIM_STATS=../record shim_in auto rm -rf t 2>../errors
        leave_slow
        [ "$(grep -c "^ushim: unlinkat 't/[34]/[ab]/keep[12]': .* (reported late)$" errors)" -ge 1 ] ||
            fail "$(cat errors)"
        # Of both files one line each, ours or rm's; of directories rm's alone, if it asked after that.
        [ "$(grep -c '/keep1'"'"': ' errors)" -eq 1 ]
        [ "$(grep -c '/keep2'"'"': ' errors)" -eq 1 ]
        ! grep -q '^ushim: rmdir' errors || fail "$(cat errors)"
        [ "$(find back/t -type f | wc -l)" -eq 2 ]
        rm -rf back/t
    done
}
