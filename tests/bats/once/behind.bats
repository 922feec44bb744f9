#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Commands acknowledged early: that they are, that the tree is the same, and that a late failure
# is loud (C4, C6).

load ../common
load ../slow

setup() {
    requires_slow
    requires jq
    cd "$BATS_TEST_TMPDIR" || return
    mkdir -p back/s/a back/s/b
    for i in $(seq 20); do
        echo "$i" >"back/s/a/f$i"
        echo "$i" >"back/s/b/f$i"
    done
}

teardown() {
    leave_slow
}

# counted OP: how many calls of OP the statistics say were acknowledged
counted() {
    jq -s "[.[].ops.$1.deferred // 0] | add" "$BATS_TEST_TMPDIR/stats"
}

# run_slowly MODE COMMAND...: with statistics, what is said on stderr in the file errors
run_slowly() {
    local mode=$1
    shift
    rm -f "$BATS_TEST_TMPDIR/stats"
    shim_in "$mode" env USHIM_STATS="$BATS_TEST_TMPDIR/stats" "$@" 2>"$BATS_TEST_TMPDIR/errors"
}

tree() { # DIRECTORY: names, kinds, modes and times of directories, links of files
    (cd "$1" && find . -printf '%P %y %m %U:%G %n ' -type d -printf '%T@' -o -printf '\n') | sort
}

@test "C4: cp -al and rm -rf are acknowledged ahead of the storage, and leave what they leave" {
    enter_slow --delay=1ms
    run_slowly auto cp -al s d
    [ "$(counted LINKAT)" -ge 30 ]
    cp -al s e
    tree d >../shim
    tree e >../plain
    diff ../plain ../shim
    run_slowly auto rm -rf d
    [ "$(counted UNLINKAT)" -ge 30 ]
    [ ! -e d ]
    [ ! -s ../errors ]
}

@test "C4: where a listing tells no types, what the program has asked tells them" {
    local odd
    for odd in no-types no-types,no-numbers; do
        enter_slow --delay=1ms --listing="$odd"
        cp -a s d
        run_slowly auto rm -rf d
        [ "$(counted UNLINKAT)" -ge 30 ]
        [ ! -e d ]
        [ ! -s ../errors ]
        leave_slow
    done
}

@test "C4: a link that would follow its source is one like another where the source is a file" {
    enter_slow --delay=1ms
    run_slowly auto cp -rl s d
    [ "$(counted LINKAT)" -ge 30 ]
    cp -rl s e
    (cd d && find . -printf '%P %y %m %U:%G %n %i\n') | grep -v ' d ' | sort >../shim
    (cd e && find . -printf '%P %y %m %U:%G %n %i\n') | grep -v ' d ' | sort >../plain
    diff ../plain ../shim
}

@test "C4: strict acknowledges nothing early" {
    enter_slow --delay=1ms
    run_slowly strict cp -al s d
    [ "$(counted LINKAT)" -eq 0 ]
    run_slowly strict rm -rf d
    [ "$(counted UNLINKAT)" -eq 0 ]
}

@test "C6: a link that fails late is said once, the status is 1, and nothing more is acknowledged" {
    enter_slow --delay=1ms --fail=link:9:EIO
    run -1 run_slowly auto cp -al s/a d # one directory: the ninth is none of those that prove
    [ "$(grep -c "^ushim: linkat '.*': Input/output error (reported late)\$" ../errors)" -eq 1 ]
    [ "$(wc -l <../errors)" -eq 1 ]
    leave_slow
    [ "$(find "$BATS_TEST_TMPDIR/back/d" -type f | wc -l)" -eq 19 ]
}

@test "C6: the status is 1 where stderr is closed or another file, and nothing is written there" {
    enter_slow --delay=1ms --fail=link:9:EIO
    shim_in auto cp -al s/a d 2>&- && return 1
    leave_slow
    rm -rf "$BATS_TEST_TMPDIR/back/d"
    enter_slow --delay=1ms --fail=link:9:EIO
    status=0
    shim_in auto "$PROG/leaves" return 0 s/a d 2>../errors >../out || status=$?
    [ "$status" -eq 1 ]
    ! grep reported ../out
}

@test "C6: by every way out of the process" {
    local way status
    for way in return exit _exit quick_exit exit_group err; do
        enter_slow --delay=1ms --fail=link:9:EIO
        status=0
        shim_in auto "$PROG/leaves" "$way" 0 s/a "d.$way" 2>"$BATS_TEST_TMPDIR/errors" || status=$?
        leave_slow
        [ "$status" -eq 1 ] || fail "$way: $status"
        grep -q '(reported late)$' "$BATS_TEST_TMPDIR/errors"
        # A status of its own stays.
        enter_slow --delay=1ms --fail=link:9:EIO
        status=0
        shim_in auto "$PROG/leaves" "$way" 7 s/a "e.$way" 2>"$BATS_TEST_TMPDIR/errors" || status=$?
        leave_slow
        [ "$status" -eq 7 ] || fail "$way: $status, not 7"
    done
}

@test "C6: an unlink that fails late is said, and its directory stays" {
    enter_slow --delay=1ms --fail=unlink:9:EIO
    run -1 run_slowly auto rm -rf s/a
    grep -q "^ushim: unlinkat '.*': Input/output error (reported late)\$" ../errors
    leave_slow
    [ "$(find "$BATS_TEST_TMPDIR/back/s/a" -type f | wc -l)" -eq 1 ]
}

files_copied() {
    find ../back/d -type f 2>/dev/null | wc -l
}

# stopped COMMAND...: in the middle, as Ctrl-Z does, while one of its requests takes long; and continued.
# The workers finish the call they are in and stop too; the rest waits in the process.
stopped() {
    local before pid
    before=$(files_copied)
    env USHIM_MODE=auto USHIM_STATS="$BATS_TEST_TMPDIR/stats" LD_PRELOAD="$LIB" "$@" 2>../errors &
    pid=$!
    while [ "$(files_copied)" -eq "$before" ] && [ -e "/proc/$pid" ]; do
        sleep 0.01
    done
    kill -STOP "$pid" 2>/dev/null || skip "it was done before it could be stopped"
    while [ -e "/proc/$pid" ] && ! grep -q '^State:.[TZ]' "/proc/$pid/status"; do
        sleep 0.01
    done
    kill -CONT "$pid" 2>/dev/null || skip "it was done before it could be stopped"
    wait "$pid"
    [ ! -s ../errors ]
}

@test "C5: stopped in the middle and continued, cp -al and rm -rf leave what they leave" {
    enter_slow --delay=1ms --hang=link:9:2s --hang=unlink:9:2s
    stopped cp -al s d
    [ "$(counted LINKAT)" -ge 30 ]
    cp -al s e
    tree d >../shim
    tree e >../plain
    diff ../plain ../shim
    rm ../stats
    stopped rm -rf d
    [ "$(counted UNLINKAT)" -ge 30 ]
    [ ! -e d ]
}

# A directory's first commands gather until the program turns to something else; here it never does.
@test "C5: what was acknowledged is submitted while the program goes on asking" {
    requires python3
    local code='
import os, sys, time
os.mkdir("d")
for i in range(9):
    os.stat("source")
    os.link("source", "d/%d" % i)
end = time.monotonic() + 30
while time.monotonic() < end:
    try:
        os.stat("../back/d/8")
        os._exit(0)
    except FileNotFoundError:
        pass
os._exit(1)'
    : >back/source
    enter_slow --delay=link:20ms,mkdir:20ms
    run_slowly auto python3 -S -c "$code"
    [ "$(counted LINK)" -ge 5 ]
}

# The commands timed at first are all fast; when those come that are not, questions are asked ahead already.
@test "C9: commands are looked at after each opened directory, whatever was done before" {
    requires python3
    local code='
import os, sys
asked = [os.stat("s/a/" + name) for name in sorted(os.listdir("s/a"))]
for i in range(40):
    os.mkdir("../fast/%d" % i)
os.mkdir("d")
for name in os.listdir("s"):
    os.mkdir("d/" + name)
    for file in os.listdir("s/" + name):
        os.link("s/" + name + "/" + file, "d/" + name + "/" + file)'
    mkdir fast
    enter_slow --delay=1ms
    run_slowly auto python3 -S -c "$code"
    # 38; but where a busy machine made two of the fast ones slow, 16 or 32 are sat out.
    [ "$(counted LINK)" -gt 0 ]
}

@test "C1: a question that failed and is asked again, for what was acknowledged first, leaves errno alone" {
    enter_slow
    mkdir here
    cd here || return
    run_slowly auto-forced "$PROG/asked-again"
    [ "$(counted LINK)" -ge 20 ]
}
