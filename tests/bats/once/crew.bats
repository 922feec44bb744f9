#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What io_uring has no operation for is done by a thread of the library's own: the program goes on
# meanwhile (C4), finds it done where it looks (C2), hears of its failure (C6) and never sees it (C8).

load ../common
load ../slow

setup() {
    requires_slow
    requires jq
    requires python3
    cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
    leave_slow
}

# The first two directories prove that attributes can be set.
FIRST='
import os, sys, time, ctypes
def attributes(path):
    os.utime(path, (1, 2))
    os.chown(path, -1, -1)
    os.chmod(path, 0o750)
os.mkdir("d")
for name in "d/a", "d/b":
    os.mkdir(name)
    attributes(name)
'

# python CODE: behind FIRST, under the library, what it says in the file said
python() {
    install -m 666 /dev/null "$BATS_TEST_TMPDIR/stats" # who writes it may be another by then
    USHIM_MODE=auto USHIM_STATS=$BATS_TEST_TMPDIR/stats LD_PRELOAD=$LIB \
        python3 -S -c "$FIRST$1" >"$BATS_TEST_TMPDIR/said" 2>"$BATS_TEST_TMPDIR/errors"
}

deferred() { # OP
    jq -s "[.[].ops.$1.deferred // 0] | add" "$BATS_TEST_TMPDIR/stats"
}

@test "C4: a program goes on while the owner, mode and times of its directories are set" {
    enter_slow --delay=1ms,setattr:100ms "--log=$BATS_TEST_TMPDIR/log"
    python '
os.mkdir("d/c")
attributes("d/c")
os.listdir(".")
print(os.stat("d/c").st_mode & 0o777 == 0o750 and os.stat("d/c").st_mtime == 2)'
    [ "$(deferred CHMOD)" -ge 1 ]
    [ "$(cat ../said)" = True ]
    # The directory is listed while one of the attributes before that is being set.
    awk '$3 == "opendir" { listed = $1 }
         $3 == "setattr" { begin[++n] = $1; end[n] = $2 }
         END { for (i in begin) if (begin[i] < listed && listed < end[i]) found = 1; exit !found }' ../log
}

@test "C6: an attribute that cannot be set after all is said, and the status is 1" {
    enter_slow --delay=1ms --fail=setattr:8:EACCES
    run -1 python '
os.mkdir("d/c")
attributes("d/c")'
    [ "$(deferred CHMOD)" -ge 1 ]
    [ "$(cat ../errors)" = "ushim: fchmodat 'd/c': Permission denied (reported late)" ] ||
        [ "$(cat ../errors)" = "ushim: fchownat 'd/c': Permission denied (reported late)" ] ||
        [ "$(cat ../errors)" = "ushim: utimensat 'd/c': Permission denied (reported late)" ]
}

@test "C8: the thread is gone before the program could see it, or be kept from what needs to be alone" {
    enter_slow --delay=1ms
    local again='
def again(number):
    os.mkdir("n%d" % number)
    os.mkdir("n%d/c" % number)
    attributes("n%d/c" % number)
def tasks(): # but for workers of the ring
    names = [open("/proc/self/task/%s/comm" % task).read() for task in os.listdir("/proc/self/task")]
    return len([name for name in names if not name.startswith("iou-")])
again(1)'
    python "$again"'
print(tasks())
again(2)
if os.fork() == 0:
    again(3)
    os._exit(tasks() - 1)
print(os.wait()[1])
again(4)
os.setresuid(65534, 65534, 0)
os.setresuid(0, 0, 0)'
    [ "$(tr '\n' ' ' <../said)" = "1 0 " ] || fail "$(cat ../said)"
    [ "$(deferred CHMOD)" -ge 3 ]
    rm -r d n?
    python "$again"'
print(ctypes.CDLL(None).unshare(0x20000)) # of mounts, and then of users
os.mkdir("x")
print(ctypes.CDLL(None).unshare(0x10000000))'
    [ "$(tr '\n' ' ' <../said)" = "0 0 " ] || fail "$(cat ../said)"
}

@test "C10: where no thread can be made the calls are made all the same" {
    requires root # root's own are not counted
    requires prlimit
    let_everybody_in
    mkdir -m 777 back/all
    enter_slow --delay=1ms
    cd all || return
    local as=(setpriv --reuid=65534 --regid=65534 --clear-groups prlimit --nproc=1)
    rm -f "$BATS_TEST_TMPDIR/stats"
    "${as[@]}" env USHIM_MODE=auto LD_PRELOAD="$LIB" python3 -S -c "$FIRST"'
os.mkdir("d/c")
attributes("d/c")
print(oct(os.stat("d/c").st_mode), os.stat("d/c").st_mtime)' >"$BATS_TEST_TMPDIR/said"
    [ "$(cat "$BATS_TEST_TMPDIR/said")" = "0o40750 2.0" ]
    cd ..
}
