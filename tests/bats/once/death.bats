#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C5: a death that nobody could wait for may lose acknowledged commands. What is left is what the
# program itself asked for, in order within each directory, and rerunning it completes the job.
#
# USHIM_TEST_DEATHS is how many of each kind (10), USHIM_TEST_SEED the first (1).

load ../common
load ../slow

setup() {
    requires_slow
    cd "$BATS_TEST_TMPDIR" || return
    LOG=$BATS_TEST_TMPDIR/log
    FIRST=${USHIM_TEST_SEED:-1}
    LAST=$((FIRST + ${USHIM_TEST_DEATHS:-10} - 1))
    : >back/source
}

teardown() {
    [ -z "${STOPPED:-}" ] || kill -KILL "$STOPPED" 2>/dev/null || : # or nothing ever ends it
    leave_slow
    cd /
}

# dies HOW SEED COUNT: prints how many commands are missing
dies() {
    local how=$1 seed=$2 count=$3 which=some
    case $how in abort | handler | none) which=exactly ;; esac
    shim_in auto "$PROG/death" run "$seed" "$count" "$how" d source 2>/dev/null || :
    "$PROG/death" check "$seed" "$count" "$which" ../back/d || {
        echo "$how, seed $seed, $count commands" >&2
        return 1
    }
    rm -rf ../back/d
}

@test "C5: after SIGKILL, SIGTERM, SIGSEGV there is a beginning of what was asked for, in each directory" {
    local how seed count of_one missing=0
    enter_slow --delay=link:1ms,symlink:1ms,mkdir:1ms,rename:1ms --entry-timeout=0
    for how in kill term segv; do
        for ((seed = FIRST; seed <= LAST; seed++)); do
            count=$((seed * 37 % 83 + 5))
            of_one=$(dies $how "$seed" "$count") || fail "$of_one"
            missing=$((missing + of_one))
        done
    done
    [ "$missing" -gt 0 ] # or nobody died with something pending
}

@test "C5: abort() by name, a handler and a way out lose nothing" {
    local how seed count
    enter_slow --delay=link:1ms,symlink:1ms,mkdir:1ms,rename:1ms --entry-timeout=0
    for how in abort handler none; do
        for ((seed = FIRST; seed <= LAST; seed++)); do
            count=$((seed * 31 % 67 + 5))
            [ "$(dies $how "$seed" "$count")" -eq 0 ]
        done
    done
}

# all_stopped PID: its threads and the kernel's workers, which finish the call they are in. Or it is
# over: a worker may be the one that takes the signal, and the program ends before it is told.
all_stopped() {
    cat "/proc/$1"/task/*/status 2>/dev/null |
        awk '$1 == "State:" && $2 !~ /[TZX]/ { runs = 1 } END { exit runs }'
}

@test "C5: stopped, there is a beginning of it in each directory; continued, all of it; killed, a beginning" {
    local seed count of_one missing=0
    enter_slow --delay=link:5ms,symlink:1ms,mkdir:1ms,rename:1ms --entry-timeout=0
    for ((seed = FIRST + 100000; seed <= LAST + 100000; seed++)); do # without renames: more is pending
        count=$((seed * 41 % 71 + 60))
        USHIM_MODE=auto LD_PRELOAD=$LIB "$PROG/death" run "$seed" "$count" stop d source 3>&- &
        STOPPED=$!
        until all_stopped "$STOPPED"; do
            sleep 0.01
        done
        of_one=$("$PROG/death" check "$seed" "$count" some ../back/d) || fail "seed $seed: $of_one"
        missing=$((missing + of_one))
        if [ $((seed % 2)) -eq 0 ]; then
            kill -CONT "$STOPPED" 2>/dev/null || :
            wait "$STOPPED"
            "$PROG/death" check "$seed" "$count" exactly ../back/d || fail "seed $seed, continued"
        else
            kill -KILL "$STOPPED" 2>/dev/null || :
            wait "$STOPPED" 2>/dev/null || :
            "$PROG/death" check "$seed" "$count" some ../back/d || fail "seed $seed, killed"
        fi
        rm -rf ../back/d
    done
    [ "$missing" -gt 0 ] # or nobody was stopped with something pending
}

@test "C5: killed from outside at any request" {
    local seed signal status
    for ((seed = FIRST + 100000; seed <= LAST + 100000; seed++)); do # without renames: more is pending
        signal=$((seed % 3 ? 9 : 15))
        enter_slow --delay=link:500us,symlink:500us,mkdir:500us,rename:500us --log="$LOG"
        status=0
        "$PROG/losing" kill "$LOG" $((seed * 29 % 120 + 5)) "$signal" env USHIM_MODE=auto \
            LD_PRELOAD="$LIB" "$PROG/death" run "$seed" 60 none d source || status=$?
        leave_slow
        [ "$status" -eq $((128 + signal)) ] || [ "$status" -eq 0 ]
        "$PROG/death" check "$seed" 60 some back/d || fail "seed $seed"
        rm -rf back/d
    done
}

@test "a cp -al or rm -rf that was killed leaves nothing strange, and is completed by another" {
    local seed name
    for seed in 1 2 3; do
        mkdir -p "back/s/d$seed"
        for name in $(seq 15); do
            echo "$name" >"back/s/d$seed/f$name"
        done
    done
    for ((seed = FIRST; seed <= LAST; seed++)); do
        enter_slow --delay=link:500us,mkdir:500us,unlink:500us,rmdir:500us --log="$LOG"
        "$PROG/losing" kill "$LOG" $((seed * 23 % 110 + 8)) 9 env USHIM_MODE=auto LD_PRELOAD="$LIB" \
            cp -al s d || :
        leave_slow
        if [ -e back/d ]; then
            (cd back/d && find . -type f) | while IFS= read -r name; do
                [ "back/d/$name" -ef "back/s/$name" ] || fail "$name is not what was asked for"
            done
        fi
        enter_slow --delay=link:500us,mkdir:500us,unlink:500us,rmdir:500us --log="$LOG"
        "$PROG/losing" kill "$LOG" $((seed * 19 % 110 + 8)) 9 env USHIM_MODE=auto LD_PRELOAD="$LIB" \
            rm -rf d || :
        leave_slow
        [ "$(find back/s -type f | wc -l)" -eq 45 ]
        enter_slow --delay=500us
        shim_in auto rm -rf d
        shim_in auto cp -al s d
        leave_slow
        diff -r back/s back/d
        enter_slow --delay=500us
        shim_in auto rm -rf d
        leave_slow
        [ ! -e back/d ]
    done
}
