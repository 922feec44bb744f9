# SPDX-License-Identifier: MIT
# What is asked ahead is what the program then asks; shown by the counts of USHIM_STATS, on any
# storage (USHIM_FORCE), so by no time.

load ../common
load ../slow

setup() {
    requires uring
    mkdir "$BATS_TEST_TMPDIR/tree"
    cd "$BATS_TEST_TMPDIR" || return
    local dir
    for dir in 1 2 3 4 5 6; do
        mkdir "tree/d$dir"
        touch "tree/d$dir/f"{1..50}
    done
}

teardown() {
    leave_slow
}

# counted KEY COMMAND...: runs it, and prints the number the record has for KEY.
counted() {
    local key=$1
    shift
    rm -f record
    USHIM_STATS=$PWD/record shim_in auto-forced "$@" >/dev/null || return
    sed -n "s/.*\"$key\":\([0-9]*\).*/\1/p" record
}

@test "Ahead: rm -rf, which asks about directories alone, is not asked ahead about files" {
    local wasted
    wasted=$(counted wasted rm -rf tree)
    [ ! -e tree ]
    [ "$wasted" = 0 ]
}

@test "Ahead: ls -lR and du have nearly every name asked ahead, and nothing in vain" {
    local command
    for command in 'ls -lR' 'du -s'; do
        # shellcheck disable=SC2086 # a command and its option
        [ "$(counted used $command tree)" -ge 295 ]
        # shellcheck disable=SC2086
        [ "$(counted wasted $command tree)" = 0 ]
    done
}

@test "Ahead: a walk that is 31 levels deep comes back to what was asked about the levels above" {
    local dir=deep command level
    for level in $(seq 31); do
        mkdir "$dir"
        touch "$dir/f"{1..20}
        dir=$dir/d$level
    done
    for command in 'find deep -size +1000' 'du -s deep'; do
        # shellcheck disable=SC2086 # a command and its arguments
        [ "$(counted used $command)" -ge 500 ]
        # shellcheck disable=SC2086
        [ "$(counted wasted $command)" = 0 ]
    done
}

@test "Ahead: cp -al, which asks about directories in two ways, keeps to the habit of the files" {
    local dir
    for dir in $(seq 40); do
        mkdir -p "small/d$dir"
        touch "small/d$dir/f"{1..8}
    done
    [ "$(counted used cp -al small copy)" -ge 300 ]
    [ -e copy/d40/f8 ]
    [ "$(counted wasted cp -al small copy2)" = 0 ]
}

@test "Ahead: ln and mv have the names of their next operands looked up, and nothing in vain" {
    mkdir links moved
    [ "$(counted used ln -t links tree/d1/*)" -ge 45 ]
    [ "$(find links -type f | wc -l)" -eq 50 ]
    [ "$(counted wasted mv -t moved tree/d2/*)" = 0 ]
    [ "$(find moved -type f | wc -l)" -eq 50 ]
}

# requests: how many of the log are not about directories being listed
requests() {
    grep -cE ' (lookup|getattr|statfs) ' "$BATS_TEST_TMPDIR/log"
}

@test "Ahead: what listings bring along is not asked, nor anything else, but where they do not" {
    local command plain
    requires_slow
    requires jq
    cp -a tree back/
    for command in "du -s tree" "find tree -size -1" "ls -lR tree"; do
        enter_slow --delay=1ms --readdirplus "--log=$BATS_TEST_TMPDIR/log"
        $command >/dev/null
        leave_slow
        plain=$(requests)
        rm log
        enter_slow --delay=1ms --readdirplus "--log=$BATS_TEST_TMPDIR/log"
        USHIM_STATS=$BATS_TEST_TMPDIR/record shim_in auto $command >/dev/null
        leave_slow
        # A machine that is busy makes one of them slow: some more are asked then.
        [ "$(jq -s 'map(.asked) | add' record)" -le 75 ] || fail "$command: $(cat record)"
        # Before Linux 6.8 it is a request to ask what kind of file system it is.
        printf '%s\n6.8\n' "$(uname -r)" | sort -VC || [ "$(requests)" -le "$plain" ] ||
            fail "$command: $plain requests, then $(requests)"
        rm log record
        enter_slow --delay=1ms
        USHIM_STATS=$BATS_TEST_TMPDIR/record shim_in auto $command >/dev/null
        leave_slow
        [ "$(jq -s 'map(.used) | add' record)" -ge 200 ] || fail "$command: $(cat record)"
        rm record
    done
}

@test "Ahead: nobody is asked further ahead than the storage's answers last" {
    local asked
    requires_slow
    cd "$BATS_TEST_TMPDIR" || return
    mkdir -p back/s back/t
    touch back/s/f{1..80}
    enter_slow --delay=lookup:1ms,link:30ms --entry-timeout=1 "--log=$BATS_TEST_TMPDIR/log"
    shim_in auto sh -c 'ln -t t s/*'
    leave_slow
    [ "$(find back/t -type f | wc -l)" -eq 80 ]
    asked=$(grep -c ' lookup [0-9]* f[0-9]* [0-9]' log)
    [ "$asked" -le 100 ] || fail "$asked lookups of 80 names"
}

# looked_up VARIABLE=VALUE: how often tar looks names up in a tree it makes.
looked_up() {
    rm -rf ../back/tree
    : >../log
    env "$1" tar xf ../tree.tar
    grep -c ' lookup ' ../log
}

@test "Behind: what tar makes is looked up once, as without" {
    local plain
    requires_slow
    tar cf tree.tar tree
    enter_slow --delay=1ms "--log=$BATS_TEST_TMPDIR/log"
    plain=$(looked_up X=)
    [ "$(looked_up LD_PRELOAD="$LIB")" -le $((plain + 20)) ]
    leave_slow
}

# moves MODE: the kinds of those that moving a directory away and back takes, counted.
moves() {
    : >log
    enter_slow --delay=1ms "--log=$BATS_TEST_TMPDIR/log"
    shim_in "$1" mv moved into
    shim_in "$1" mv into/moved moved
    leave_slow
    awk '$3 != "forget" { print $3 }' log | sort | uniq -c
}

@test "C9: a single command costs the storage no question more: what it is the kernel knows" {
    requires_slow
    [ "$(printf '6.8\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.8 ] ||
        skip "requires Linux 6.8 (statmount)"
    cd "$BATS_TEST_TMPDIR" || return
    mkdir -p back/moved/sub back/into
    moves off >plain
    moves auto >shim
    same plain shim
}

@test "Ahead: make, which asks about each target before the source listed before it, is foreseen" {
    requires_slow
    requires make
    requires jq
    local name
    for name in d{1..3}/s{1..30}; do
        mkdir -p "back/${name%/*}"
        touch -d '1 hour ago' "back/$name.c"
        touch "back/$name.o"
    done
    printf '%s\n' 'all: $(patsubst %.c,%.o,$(wildcard d*/*.c))' '%.o: %.c' \
        "$(printf '\t')false" >back/Makefile
    RECORD=$BATS_TEST_TMPDIR/record
    enter_slow --delay=1ms
    auto make
    [ "$(jq -s 'map(.used) | add' "$RECORD")" -ge 100 ]
    [ "$(jq -s 'map(.wasted) | add' "$RECORD")" -le 10 ]
}

@test "C9: a child that only runs another program makes no ring; one that asks does" {
    requires_slow
    requires jq
    requires python3
    cp -r tree back
    enter_slow --delay=1ms
    RECORD=$BATS_TEST_TMPDIR/record
    rm -f "$RECORD"
    auto find tree/d1 -exec true {} \; >/dev/null
    [ "$(jq -s '[.[] | select(.program == "find" and .end != "exec") | .rings] | add' "$RECORD")" -ge 1 ]
    [ "$(jq -s '[.[] | select(.program == "find" and .end == "exec")] | length' "$RECORD")" -ge 50 ]
    [ "$(jq -s '[.[] | select(.end == "exec") | .rings] | add' "$RECORD")" -eq 0 ]
    rm -f "$RECORD"
    auto python3 -S -c '
import os
def walk(directory):
    for entry in sorted(os.listdir(directory)):
        os.stat(directory + "/" + entry)
walk("tree/d1"), walk("tree/d2")
if os.fork() == 0:
    walk("tree/d3"), walk("tree/d4")
    os._exit(0)
os.wait()'
    # The two of them; what else there is led to python.
    [ "$(jq -s 'map(.used) | sort | .[-2]' "$RECORD")" -ge 60 ]
}
