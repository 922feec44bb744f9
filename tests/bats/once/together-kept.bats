#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Fsyncs started together: which are started at all, what they may stand for, and when the files
# are let go that were opened for them.

load ../common
load ../together

# Of files made before each program: what is synced through descriptors f[0], f[1], ... in order
# brings the next along.
OPENED='import os, sys
os.closerange(3, 256)
os.chdir(sys.argv[1])
def opened(i): return os.open(f"f{i:02}", os.O_RDWR | os.O_CREAT)
f = [opened(i) for i in range(24)]
for file in f:
    os.write(file, b"x" * 8192)
'

# Of files written and closed: each is opened again to be synced, by the same number, and in the
# order the directory has them, which is one that the shim knows.
REOPENED='import os, sys, time
os.chdir(sys.argv[1])
names = [name for name in os.listdir() if name[0] == "f"]
def written(name):
    file = os.open(name, os.O_WRONLY | os.O_CREAT)
    os.write(file, b"x" * 8192)
    os.close(file)
def synced(name):
    file = os.open(name, os.O_RDONLY)
    os.fsync(file)
    os.close(file)
def wait(): time.sleep(0.02) # file times go by ticks of up to 10 ms
'

# python MODE PROGRAM: on the slow storage.
python() {
    USHIM_STATS=$RECORD shim_in "$1" timeout 60 python3 -c "$2" "$WORK/slow"
}

# synced NAME TIMES: by the storage, so often.
synced() {
    local times
    times=$(grep -c " fsync $(stat -c %i "$WORK/back/$1") " "$LOG" || :)
    [ "$times" -eq "$2" ] || fail "$1 was synced $times times instead of $2: $(grep ' fsync ' "$LOG")"
}

@test "C7: an fdatasync stands for no fsync" {
    slow
    requires python3
    python auto-forced "$OPENED"'
for file in f[:3]: os.fdatasync(file)
os.fdatasync(f[4])
os.fsync(f[6])'
    synced f04 1
    synced f06 2
    in_play 1
}

@test "C7: nor when the next group has been one of fsyncs" {
    slow
    requires python3
    python auto-forced "$OPENED"'
for file in f[:3]: os.fdatasync(file)
for file in f[20:23]: os.fsync(file)
os.fsync(f[23])
os.fsync(f[8])'
    synced f23 1
    synced f08 2
    in_play 1
}

# No directory has them in this order.
@test "operands are synced ahead to the last of them, and nothing beside them" {
    slow
    local i
    local -a operands=()
    mkdir "$WORK/slow/a" "$WORK/slow/b"
    for ((i = 0; i < 60; i++)); do
        operands+=("$WORK/slow/a/f$((i * 7 % 60))" "$WORK/slow/b/f$((i * 11 % 60))")
    done
    touch "$WORK"/slow/{a,b}/z{0..9}
    for i in "${operands[@]}"; do
        echo "$i" >"$i"
    done
    USHIM_STATS=$RECORD USHIM_DEPTH=16 shim_in auto-forced sync "${operands[@]}"
    in_play 100
    jq -se 'map(select(.program == "sync"))[0] | .grouped == .grouped_used' "$RECORD" ||
        fail "$(cat "$RECORD")"
    [ "$(grep -c ' fsync ' "$LOG")" -eq 120 ] || fail "$(grep -c ' fsync ' "$LOG") fsyncs"
}

# As dpkg does it: in an order that no directory has them in.
@test "files of many directories are synced ahead as they were made" {
    slow
    requires python3
    python auto-forced 'import os, sys, time
os.chdir(sys.argv[1])
def synced(name, flags):
    file = os.open(name, flags)
    os.write(file, b"x" * 8192)
    os.fsync(file)
    os.close(file)
synced("first", os.O_WRONLY | os.O_CREAT) # from now on the shim knows that fsyncs will come
for i in range(20): os.mkdir(f"d{i:02}")
names = [f"d{i * 7 % 20:02}/f{i * 37 % 100:02}" for i in range(100)]
for name in names:
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(file, b"x" * 8192)
    os.close(file)
time.sleep(0.02) # file times go by ticks of up to 10 ms
for name in names[:90]:
    file = os.open(name, os.O_WRONLY)
    os.fsync(file)
    os.close(file)
    os.rename(name, name + ".done")
'
    in_play 80
    jq -se '.[0].groups < 10' "$RECORD" || fail "$(cat "$RECORD")"
    [ "$(grep -c ' fsync ' "$LOG")" -ge 91 ]
    [ "$(grep -c ' fsync ' "$LOG")" -le 101 ]
}

@test "a big file that nobody syncs is not dragged along by small ones" {
    slow
    requires python3
    python auto-forced "$OPENED"'
os.truncate(f[7], 1 << 20)
for file in f[:4]: os.fsync(file)
os._exit(0)'
    synced f03 1
    synced f06 1
    synced f07 0
    synced f08 1
}

# files: that the programs find there. The log begins when the storage has heard of the last close.
files() {
    local name
    for name in f{00..23}; do
        echo old >"$WORK/slow/$name"
    done
    until [ "$(grep -c ' release ' "$LOG")" -eq 24 ]; do
        sleep 0.05
    done
    : >"$LOG"
}

@test "a program that syncs each file when it has written it has nothing started ahead" {
    slow
    requires python3
    files
    python auto-forced "$REOPENED"'
for name in names:
    written(name)
    synced(name)
    wait()'
    [ "$(grep -c ' fsync ' "$LOG")" -eq 24 ]
    ! grep '"grouped":[1-9]' "$RECORD"
}

# One thread answers, in the order of the requests, of which a RELEASE is one that nobody waits for.
@test "C8: no file is removed or replaced while the shim has it open" {
    requires uring
    requires_slow
    requires python3
    mounted --threads=1 --log="$LOG"
    files
    stat -c '%i %n' "$WORK"/back/f?? >"$WORK/inodes"
    USHIM_DEPTH=16 python auto-forced "$REOPENED"'
for name in names: written(name)
wait()
for i in range(0, 24, 3): # the next is one that may have been synced ahead, and is never opened
    synced(names[i])
    synced(names[i + 1])
    os.unlink(names[i])
    os.unlink(names[i + 2])
    written("new")
    os.rename("new", names[i + 1])'
    in_play 3
    # Of the program, each is opened to be written, and two of three to be synced.
    [ "$(grep -c ' open ' "$LOG")" -gt 45 ] || fail "the shim opened none: $(cat "$LOG")"
    awk 'NR == FNR { sub(".*/", "", $2); inode[$2] = $1; next }
        $3 == "open" { open[$4]++ }
        $3 == "release" { open[$4]-- }
        $3 == "unlink" { removed++; if (open[inode[$5]]) held = held " " $5 }
        $3 == "rename" { removed++; if (open[inode[$7]]) held = held " " $7 }
        END { print removed " removed, open:" held; exit removed != 24 || held != "" }' \
        "$WORK/inodes" "$LOG"
}

# In another process namespace /proc/locks does not show it, so only the open itself tells.
@test "C8: the shim waits for no lease" {
    requires uring
    requires root
    requires python3
    local near=$WORK/near holder
    mkdir "$near"
    unshare --pid --fork --mount-proc true || skip "requires process namespaces"
    timeout 60 python3 -c "$REOPENED"'
for i in range(24): written(f"f{i:02}")
wait()
import fcntl, signal
signal.signal(signal.SIGIO, signal.SIG_IGN)
held = os.open([name for name in os.listdir() if name[0] == "f"][5], os.O_RDONLY)
fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
open("holds", "w")
signal.pause()' "$near" 3>&- &
    holder=$!
    until [ -e "$near/holds" ]; do
        kill -0 "$holder" || skip "requires leases"
        sleep 0.05
    done
    # The lease is the holder's for /proc/sys/fs/lease-break-time, 45 s.
    USHIM_STATS=$RECORD shim_in auto-forced timeout 30 unshare --pid --fork --mount-proc \
        python3 -c "$REOPENED"'
for name in names[:4]: synced(name)' "$near"
    kill "$holder"
    counted grouped 1
}

# Where a file may be another's by the next open, as in an overlay, none is opened for the program.
@test "C7: of an overlay's files those are synced that the program has open" {
    requires uring
    requires root
    requires python3
    mkdir "$WORK"/{lower,upper,work,slow}
    mount -t overlay overlay -o "lowerdir=$WORK/lower,upperdir=$WORK/upper,workdir=$WORK/work" \
        "$WORK/slow" 2>/dev/null || skip "requires overlay file systems"
    python auto-forced 'import os, sys
for i in range(24): open(f"{sys.argv[1]}/f{i:02}", "w").write("x")'
    python auto-forced "$REOPENED"'
for name in names: written(name)
wait()
for name in names: synced(name)'
    ! grep '"grouped":[1-9]' "$RECORD"
}
