#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Losing nothing: what a program may rely on because it was told that an earlier command is done.

load ../common
load ../slow

setup() {
    requires_slow
    LOG=$BATS_TEST_TMPDIR/log
    cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
    leave_slow
    cd /
}

# files DIRECTORY COUNT
files() {
    local i
    mkdir -p "$BATS_TEST_TMPDIR/back/$1"
    for ((i = 1; i <= $2; i++)); do
        echo "$i" >"$BATS_TEST_TMPDIR/back/$1/f$i"
    done
}

# contents: which are left in the backing directory, under whatever name
contents() {
    grep -rhx 'content [0-9]*' "$BATS_TEST_TMPDIR/back" | sort -u || :
}

# two_names plain|shim KIND END: what is left where the ninth KIND fails, in the file SIDE. Forced, as
# the governor does not care to put off what comes with many calls that cost nothing.
two_names() {
    local status=0 side=$1
    shift
    enter_slow --delay=link:1ms,rename:1ms,unlink:1ms,mkdir:1ms "--fail=$1:9:EIO"
    if [ "$side" = plain ]; then
        "$PROG/losing" two "$1" "$2" d 12
    else
        shim_in auto-forced "$PROG/losing" two "$1" "$2" d 12 2>../errors || status=$?
        [ "$(grep -c 'reported late' ../errors)" -eq "$status" ] || fail "$*: status $status"
        # No rename into another directory is put off.
        [ "$status" -eq 1 ] || [ "$1 $2" = 'rename across' ] || fail "$*: nothing failed late"
    fi
    leave_slow
    contents >"$side"
    rm -rf back/d*
}

@test "a link or rename that fails late takes nothing along: its file keeps the name it had" {
    local kind end
    for kind in 'link' 'rename'; do
        for end in unlink remove replace across after child filtered \
            open open_2 creat fopen freopen truncate ftruncate overwrite; do
            two_names plain "$kind" "$end"
            two_names shim "$kind" "$end"
            [ -z "$(comm -23 plain shim)" ] || fail "$kind, $end: $(comm -23 plain shim) is lost"
        done
    done
}

@test "two rm -rf of one tree at once both end well" {
    local round i one two
    for round in 1 2 3; do
        for i in 1 2 3 4 5 6; do
            files "s/d$i" 25
        done
        enter_slow --delay=500us
        shim_in auto rm -rf s 2>../errors.one &
        one=$!
        shim_in auto rm -rf s 2>../errors.two &
        two=$!
        wait "$one" || fail "the first: $? $(cat ../errors.one)"
        wait "$two" || fail "the second: $? $(cat ../errors.two)"
        [ ! -e s ]
        [ ! -s ../errors.one ] && [ ! -s ../errors.two ]
        leave_slow
    done
}

@test "a queue of work emptied by several hands no job to two" {
    local work round i
    for work in file pipe compute; do
        for round in 1 2 3; do
            files jobs 60
            enter_slow --delay=unlink:1ms
            for i in 1 2 3; do
                shim_in auto "$PROG/losing" queue jobs "$work" >"../taken.$i" &
            done
            wait
            leave_slow
            sort taken.* | uniq -d >twice
            [ ! -s twice ] || fail "$work: $(wc -l <twice) jobs were done twice"
            [ "$(cat taken.* | wc -l)" -eq 60 ]
        done
    done
}

# An interrupt, a page fault or a host with other guests take a moment now and then.
@test "one who computes after every eighth removal is removing all the same" {
    files jobs 80
    enter_slow --delay=unlink:1ms
    USHIM_STATS=$BATS_TEST_TMPDIR/stats shim_in auto "$PROG/losing" queue jobs hiccup >../taken
    [ "$(wc -l <../taken)" -eq 80 ]
    [ "$(grep -o '"UNLINK":{[^}]*' ../stats | grep -o '"deferred":[0-9]*' | cut -d: -f2)" -ge 60 ]
}

@test "cp -a onto storage without extended attributes ends as plain does" {
    local side
    mkdir src
    for side in 1 2 3; do
        mkdir "src/d$side"
        echo "$side" | tee src/d$side/a src/d$side/b src/d$side/c >/dev/null
        ln -s a "src/d$side/l"
        chmod 2750 "src/d$side"
        touch -d @1000000000.5 "src/d$side"
        ! command -v setfattr >/dev/null || setfattr -n user.x -v 1 "src/d$side/b" 2>/dev/null || :
        ! command -v setfacl >/dev/null || setfacl -m u:7:r "src/d$side/c" "src/d$side" 2>/dev/null || :
    done
    enter_slow --delay=500us
    for side in plain shim; do
        status=0
        if [ "$side" = plain ]; then
            cp -a ../src dst 2>../errors.plain || status=$?
        else
            shim_in auto cp -a ../src dst 2>../errors.shim || status=$?
        fi
        { echo "status $status"; "$PROG/treesum" dst; } >"../left.$side"
        rm -rf dst
    done
    same ../left.plain ../left.shim
    same ../errors.plain ../errors.shim
}

@test "a snapshot's state file is never there without its links, in whatever order it is looked at" {
    files s 40
    enter_slow --delay=link:1ms,mkdir:1ms --log="$LOG"
    shim_in auto "$PROG/losing" snapshot s d
    leave_slow
    awk '$3 == "link" && $2 > last { last = $2 }
         ($3 == "create" || $3 == "mknod") && $5 == "state.new" { first = $1 }
         END { exit !(last && first && last < first) }' "$LOG"
}

@test "a snapshot that is killed has no state file without all links" {
    local round status states=0
    files s 25
    for round in $(seq 12); do
        enter_slow --delay=link:300us,mkdir:300us --log="$LOG"
        status=0
        "$PROG/losing" kill "$LOG" $((round * 11 % 60 + 2)) 9 env USHIM_MODE=auto LD_PRELOAD="$LIB" \
            "$PROG/losing" snapshot s "d$round" || status=$?
        leave_slow
        [ "$status" -eq 137 ] || [ "$status" -eq 0 ]
        if [ -e "back/d$round/state" ]; then
            states=$((states + 1))
            [ "$(find "back/d$round" -name 'f*' | wc -l)" -eq 25 ] || fail "round $round"
        fi
    done
    [ "$states" -lt 12 ] # or nothing was ever interrupted
}

@test "a handler that cleans up finds everything that was made" {
    local round signal status
    files s 40
    for round in $(seq 8); do
        signal=$((round % 2 ? 2 : 15))
        enter_slow --delay=link:1ms,mkdir:1ms --log="$LOG"
        status=0
        "$PROG/losing" kill "$LOG" $((round * 7 + 6)) "$signal" env USHIM_MODE=auto LD_PRELOAD="$LIB" \
            "$PROG/losing" handler s d 2>../errors || status=$?
        leave_slow
        [ "$status" -eq $((128 + signal)) ] || fail "round $round: $status"
        [ ! -e back/d ]
        [ ! -s errors ]
    done
}
