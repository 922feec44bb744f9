#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Fsyncs started together with the one before them. Random programs (tests/prog/syncs.c) change
# files in every way there is and make them durable; slowfs's log of requests is the witness.
# USHIM_TEST_SYNCS=N runs N programs where 24 are run otherwise. Of what else could be noticed,
# locks, leases, who has a file open, tests/prog/together-contract.c is the witness.

load ../common
load ../together

PROGRAMS=${USHIM_TEST_SYNCS:-24}

# programs MODE FIRST COUNT [cheat]: so many random programs, one after another.
programs() {
    local seed
    for ((seed = $2; seed < $2 + $3; seed++)); do
        mkdir "$WORK/slow/$seed"
        USHIM_STATS=$RECORD shim_in "$1" timeout 60 "$SYNCS" run "$seed" "$WORK/slow/$seed" \
            "$MARKS" "${@:4}" || fail "program $seed failed in $1"
        rm -r "$WORK/slow/${seed:?}"
    done
}

# holds MODE FIRST COUNT LEAST: the storage had done what the programs were told.
holds() {
    programs "$1" "$2" "$3"
    "$SYNCS" check "$LOG" "$MARKS" >&2
    in_play "$4"
}

@test "C7: a change in any way after the file was synced ahead of the program is synced again" {
    slow
    mkdir "$WORK/slow/each"
    USHIM_STATS=$RECORD shim_in auto-forced "$SYNCS" each "$WORK/slow/each" "$MARKS"
    "$SYNCS" check "$LOG" "$MARKS" >&2
    in_play 200
}

@test "C7: every fsync that returned success was made by the storage after the last change" {
    slow
    holds auto-forced 1000 "$PROGRAMS" $((PROGRAMS * 5))
}

@test "C7: the same where the governor decides, and in strict mode" {
    slow
    programs auto 2000 $((PROGRAMS / 2))
    holds strict-forced 3000 $((PROGRAMS / 2)) $((PROGRAMS * 2))
}

@test "C7: the same where the kernel writes at once" {
    requires uring
    requires_slow
    mounted --log="$LOG"
    holds auto-forced 4000 $((PROGRAMS / 2)) $((PROGRAMS * 2))
}

@test "C7: every command acknowledged before is executed when an fsync returns" {
    slow --delay=link:2ms
    mkdir "$WORK/slow/links"
    USHIM_BEHIND=1 USHIM_STATS=$RECORD shim_in auto-forced "$SYNCS" links "$WORK/slow/links" "$MARKS"
    "$SYNCS" check "$LOG" "$MARKS" >&2
    grep -q '"LINK":{[^}]*"deferred"' "$RECORD" || fail "no link was acknowledged early"
}

# killed SEED SYNCED: a random program, when it was told of so many fsyncs more, or has ended.
killed() {
    local program before
    mkdir "$WORK/slow/$1"
    touch "$MARKS"
    before=$(grep -c '^S' "$MARKS" || :)
    USHIM_FORCE=1 LD_PRELOAD=$LIB "$SYNCS" run "$1" "$WORK/slow/$1" "$MARKS" &
    program=$!
    while kill -0 "$program" 2>/dev/null &&
        [ $(($(grep -c '^S' "$MARKS" || :) - before)) -lt "$2" ]; do
        sleep 0.001
    done
    kill -KILL "$program" 2>/dev/null || :
    wait "$program" || :
}

@test "C7: what a killed program was told had been done" {
    slow
    local seed
    for seed in 5001 5002 5003 5004 5005 5006; do
        killed "$seed" $((seed % 10 * 7))
    done
    "$SYNCS" check "$LOG" "$MARKS" >&2
}

# caught: by the check.
caught() {
    run "$SYNCS" check "$LOG" "$MARKS"
    [ "$status" -eq 1 ] || fail "$output"
    [[ $output == *broken:* ]]
}

@test "C7: a program that leaves out every seventh fsync is caught by this check" {
    slow
    programs off 1 3 cheat
    caught
}

@test "C7: a library that answers for files it has synced before is caught by this check" {
    slow
    requires cc
    cc -shared -fPIC -x c -o "$WORK/liar.so" - <<'EOF'
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
int fsync(int fd)
{
    static char synced[1 << 16];
    struct stat stat;
    if (fstat(fd, &stat) || synced[stat.st_ino & 0xffff]++ % 4 != 2)
        return syscall(SYS_fsync, fd);
    return 0;
}
EOF
    local seed
    for seed in 1 2 3; do
        mkdir "$WORK/slow/$seed"
        LD_PRELOAD=$WORK/liar.so "$SYNCS" run "$seed" "$WORK/slow/$seed" "$MARKS"
    done
    caught
}

# looks_closely MODE WHAT: a program that does (tests/prog/together-contract.c) notices nothing.
looks_closely() {
    local status=0
    mkdir -p "$WORK/near"
    "$PROG/together-contract" "$2" "$WORK/near" || skip "requires $2 on $WORK"
    USHIM_STATS=$RECORD shim_in "$1" "$PROG/together-contract" "$2" "$WORK/near" || status=$?
    [ "$status" -eq 0 ] || fail "$2 was noticed"
}

# notices_nothing WHAT [grouped]
notices_nothing() {
    looks_closely auto-forced "$1"
    [ -z "${2:-}" ] || in_play 1
}

@test "in strict mode every fsync is the program's own as well" {
    requires uring
    mkdir "$WORK/near"
    USHIM_STATS=$RECORD shim_in strict-forced "$PROG/together-contract" flock "$WORK/near"
    in_play 1
    grep -q '"FSYNC":{[^}]*"warmed"' "$RECORD"
    ! grep -q '"FSYNC":{[^}]*"answered"' "$RECORD"
}

@test "C8: a file synced ahead of the program can be executed at once" {
    requires uring
    notices_nothing exec grouped
}

@test "C8: nobody has a file open that was synced ahead of the program" {
    requires uring
    notices_nothing flock grouped
    notices_nothing lease grouped
}

@test "C8: nor one that the program opens again" {
    requires uring
    notices_nothing reopened
}

@test "C1: what is no descriptor to sync by is none, and errno stays" {
    requires uring
    notices_nothing place
    notices_nothing stream grouped
}

@test "C8: locks stay, and leases are not broken" {
    requires uring
    notices_nothing posix
    notices_nothing directory
    notices_nothing holder
}

# As on a disk that syncs in less than a millisecond, where /proc/locks takes too long.
@test "C8: this process's locks stay where nobody else's are looked at" {
    requires uring
    local what
    for what in reopened posix directory; do
        looks_closely auto "$what"
    done
    grep -q '"grouped":[1-9]' "$RECORD" || skip "requires a disk that syncs in 40 us to 1 ms"
}

@test "C9: where an fsync costs nothing nothing is started" {
    requires uring
    [ "$(stat -f -c %T /dev/shm)" = tmpfs ] || skip "requires tmpfs in /dev/shm"
    local near
    near=$(mktemp -d /dev/shm/ushim.XXXXXX)
    USHIM_STATS=$RECORD shim_in auto "$PROG/together-contract" flock "$near"
    rm -r "$near"
    grep -q '"grouped":0,' "$RECORD" # however slow some looked
}

# The program sees the change by its size alone, and does nothing that would void what was synced.
@test "C7: a file that a stranger changed after it was synced is synced again" {
    local stranger
    slow
    requires python3
    (
        until [ "$(grep -c ' fsync ' "$LOG")" -ge 8 ]; do
            sleep 0.05
        done
        printf x >>"$WORK/slow/f7"
    ) &
    stranger=$!
    USHIM_STATS=$RECORD shim_in auto-forced timeout 60 python3 -c 'import os, sys
files = [os.open(f"{sys.argv[1]}/f{i}", os.O_RDWR | os.O_CREAT) for i in range(24)]
for file in files:
    os.write(file, b"x" * 8192)
for file in files[:5]:
    os.fsync(file)
while os.fstat(files[7]).st_size == 8192:
    pass
for file in files[5:]:
    os.fsync(file)' "$WORK/slow"
    wait "$stranger"
    [ "$(stat -c %s "$WORK/back/f7")" -eq 8193 ]
    grep -q '"grouped_used":[1-9]' "$RECORD"
    [ "$(grep -c ' fsync ' "$LOG")" -ge 25 ] || fail "no file was synced twice"
}

# Whoever reaches 200 fsyncs in memory is not looked at any more, but where it opens a directory.
@test "C9: fsyncs in memory do not hide the slow ones behind them" {
    slow
    requires python3
    [ "$(stat -f -c %T /dev/shm)" = tmpfs ] || skip "requires tmpfs in /dev/shm"
    shim_in auto python3 -c 'import os, sys, tempfile
with tempfile.TemporaryFile(dir="/dev/shm") as near:
    for i in range(200):
        os.fsync(near.fileno())
os.listdir(sys.argv[1])
files = [os.open(f"{sys.argv[1]}/f{i}", os.O_RDWR | os.O_CREAT) for i in range(120)]
for file in files:
    os.write(file, b"x" * 8192)
for file in files:
    os.fsync(file)' "$WORK/slow"
    [ "$(grep -c ' fsync ' "$LOG")" -eq 120 ]
    # Some began before the one that was begun before them had ended.
    awk '$3 == "fsync" { if ($1 < end) together++; if ($2 > end) end = $2 }
        END { exit together < 20 }' "$LOG" || fail "one after another: $(grep ' fsync ' "$LOG")"
}

# After 64 in no order eight of 40 are looked at; an order behind them is found all the same.
@test "C9: a database's fsyncs are looked at seldom, and do not hide what comes behind them" {
    slow
    requires python3
    USHIM_STATS=$RECORD shim_in auto python3 -c 'import os, sys
def made(name):
    file = os.open(f"{sys.argv[1]}/{name}", os.O_RDWR | os.O_CREAT)
    os.write(file, b"x" * 8192)
    return file
database, journal = made("database"), made("journal")
for i in range(200):
    os.fsync(journal)
    os.fsync(database)
files = [made(f"f{i}") for i in range(120)]
for file in files:
    os.fsync(file)' "$WORK/slow"
    jq -se '[.[] | select(.ops.FSYNC.calls == 520)] | length == 1' "$RECORD"
    jq -se '[.[].ops.FSYNC.timed // 0] | add <= 200' "$RECORD" || fail "$(cat "$RECORD")"
    jq -se '[.[].grouped_used] | add >= 20' "$RECORD" || fail "$(cat "$RECORD")"
}

@test "C9: a log that is synced again and again drags nothing along" {
    slow
    USHIM_STATS=$RECORD shim_in auto-forced "$SYNCS" log "$WORK/slow"
    grep -q '"grouped":0,' "$RECORD"
}

# requests OPTION...: how many sync(1) of 200 files puts to slow storage.
requests() {
    : >"$LOG"
    env "$@" sync "$WORK"/slow/f*
    grep -cE ' (open|fsync|flush|lookup|getattr|statfs|opendir|readdir) ' "$LOG"
}

@test "C9: over a network files that are opened anew to be synced cost no more requests" {
    requires uring
    requires_slow
    mounted --delay=fsync:1ms --log="$LOG" --entry-timeout=60 --attr-timeout=60
    local plain auto i
    for ((i = 0; i < 200; i++)); do
        echo "$i" >"$WORK/slow/f$i"
    done
    requests X= >/dev/null
    plain=$(requests X=)
    auto=$(requests LD_PRELOAD="$LIB")
    [ "$auto" -le $((plain + 2)) ] || fail "$auto requests instead of $plain: $(awk "{print \$3}" "$LOG" | sort | uniq -c)"
}

@test "C10: without io_uring fsyncs are the program's own" {
    requires_slow
    mounted --log="$LOG"
    mkdir "$WORK/slow/each"
    "$PROG/refuse-uring" env USHIM_FORCE=1 LD_PRELOAD="$LIB" "$SYNCS" each "$WORK/slow/each" "$MARKS"
    "$SYNCS" check "$LOG" "$MARKS" >&2
}
