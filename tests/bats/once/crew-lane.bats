#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# alone
# Where there can be no ring, or the user wants none (USHIM_BACKEND=crew), threads of the library's own ask, link,
# remove and sync beside the program: with the same results (C1), and nothing to be seen of them (C8).

load ../common
load ../slow

SWITCH=/proc/sys/kernel/io_uring_disabled

setup() {
    requires_slow
    requires strace
    requires jq
    cd "$BATS_TEST_TMPDIR" || return
    slow_tree 3 30
    RECORD=$BATS_TEST_TMPDIR/record
    BEFORE=
}

teardown() {
    [ -z "$BEFORE" ] || echo "$BEFORE" >"$SWITCH"
    leave_slow
}

crew() {
    USHIM_BACKEND=crew USHIM_STATS=$RECORD shim_in auto "$@"
}

number() { # KEY
    jq -s "[.[].$1] | add" "$RECORD"
}

@test "C1: a walk, a copy by links and a removal are as without, and no ring is made" {
    enter_slow --delay=1ms
    ls -lR src >../plain
    crew ls -lR src >../by-crew
    diff ../plain ../by-crew
    cp -al src plain
    crew cp -al src copy
    diff -r plain copy
    [ "$(stat -c %h copy/d1/f1)" -eq 3 ]
    crew rm -rf copy
    [ ! -e copy ]
    [ "$(number rings)" -eq 0 ]
    [ "$(number by_crew)" -gt 200 ]
}

@test "C8: the record agrees with what strace sees" {
    enter_slow --delay=1ms
    USHIM_BACKEND=crew USHIM_STATS=$RECORD strace -f -qq -e trace=linkat,io_uring_setup -o ../trace \
        env USHIM_MODE=auto LD_PRELOAD="$LIB" cp -al src copy
    [ "$(grep -c 'linkat(' ../trace)" -eq 90 ]
    run ! grep -q io_uring ../trace
    [ "$(jq -s '[.[].ops.LINKAT.deferred // 0] | add' "$RECORD")" -gt 60 ]
}

# without_uring COMMAND...: with a record, where the administrator has switched io_uring off
without_uring() {
    requires root
    [ -w "$SWITCH" ] || skip "requires a writable kernel.io_uring_disabled"
    read -r BEFORE <"$SWITCH"
    echo 2 >"$SWITCH"
    USHIM_STATS=$RECORD shim_in auto "$@"
    echo "$BEFORE" >"$SWITCH"
    BEFORE=
}

@test "C10: where the administrator has switched io_uring off, threads take its place by themselves" {
    enter_slow --delay=1ms
    without_uring ls -lR src >../out 2>../err
    [ ! -s ../err ]
    diff <(ls -lR src) ../out
    [ "$(number by_crew)" -gt 60 ]
    [ "$(number ring_error)" -eq -1 ]
}

@test "C10: with USHIM_BACKEND=ring there are no threads, and plain calls where there is no ring" {
    enter_slow --delay=1ms
    USHIM_BACKEND=ring without_uring ls -lR src >../out 2>../err
    diff <(ls -lR src) ../out
    [ "$(number by_crew)" -eq 0 ]
}

@test "C8: who looks for threads, changes identity or leaves a namespace finds none" {
    requires python3
    requires root
    enter_slow --delay=1ms
    # Walks until threads are there, by strace's word; then looks in each way.
    cat >../looks.py <<'PY'
import ctypes, os, sys
how = sys.argv[1]
for d in sorted(os.listdir("src")):
    for f in os.listdir("src/" + d):
        os.lstat("src/" + d + "/" + f)
libc = ctypes.CDLL(None, use_errno=True)
if how == "task":
    print(len(os.listdir("/proc/self/task")))
elif how == "status":
    print([l.split()[1] for l in open("/proc/self/status") if l.startswith("Threads:")][0])
elif how == "user":
    print(libc.unshare(0x10000000) + 1)
elif how == "setuid":
    os.setuid(65534)
    try:
        os.listdir("private")
        print("seen")
    except PermissionError:
        print(1)
PY
    mkdir -m 700 private
    local how
    for how in task status user setuid; do
        USHIM_STATS=$RECORD strace -f -qq -e trace=clone -o ../trace env USHIM_BACKEND=crew USHIM_MODE=auto \
            LD_PRELOAD="$LIB" python3 -S ../looks.py $how >../out
        [ "$(cat ../out)" = 1 ] || fail "$how: $(cat ../out)"
        [ "$(grep -c CLONE_THREAD ../trace)" -gt 0 ] || fail "$how: there was no thread"
    done
}

@test "C1: fsyncs of files kept open go out together" {
    enter_slow --delay=5ms --keep-cache
    cat >../syncs.py <<'PY'
import os
fds = [os.open("s%d" % i, os.O_CREAT | os.O_RDWR) for i in range(64)]
for fd in fds:
    os.write(fd, b"x" * 100)
for fd in fds:
    os.fsync(fd)
PY
    crew python3 -S ../syncs.py
    [ "$(number grouped)" -gt 20 ]
    [ "$(number rings)" -eq 0 ]
}

@test "C10: a malformed USHIM_BACKEND gets one line, and the default" {
    enter_slow --delay=1ms
    USHIM_BACKEND=threads shim_in auto ls src >../out 2>../err
    [ "$(wc -l <../err)" -eq 1 ]
    grep -q 'USHIM_BACKEND.*not auto, ring or crew' ../err
    [ "$(wc -l <../out)" -eq 3 ]
}
