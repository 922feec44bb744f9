#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C10: what the ring needs may be refused at any moment: processes, memory, descriptors, entries.
# That is seen within a few calls and costs nothing from then on, which is shown by counting the
# calls of io_uring, the questions asked ahead and the mappings tried; and all is as without the library.

load ../common
load ../slow

DIRS=4
FILES=20

setup() {
    requires_slow
    requires strace
    requires jq
    cd "$BATS_TEST_TMPDIR" || return
    slow_tree $DIRS $FILES
    chmod -R a+rwX back
    chmod a+rwx .
    AS=()
    WITH=()
    enter_slow --delay=500us -o allow_other,default_permissions
}

teardown() {
    leave_slow
    local _
    for _ in {1..50}; do
        [ -n "${GROUP-}" ] && ! rmdir "$GROUP" 2>/dev/null || return 0
        sleep 0.1
    done
}

# group_of CONTROLLER: GROUP, a cgroup that limits by it, and WITH, what takes a command into it.
group_of() {
    requires root
    local at=/sys/fs/cgroup/$1
    [ -e "$at/cgroup.procs" ] || at=/sys/fs/cgroup # version 2
    [ "$at" != /sys/fs/cgroup ] || grep -qsw "$1" "$at/cgroup.subtree_control" ||
        echo "+$1" 2>/dev/null >"$at/cgroup.subtree_control" || skip "requires a cgroup with $1"
    GROUP=$at/ushim-test.$$
    mkdir "$GROUP" 2>/dev/null || { GROUP=; skip "requires a cgroup with $1"; }
    # shellcheck disable=SC2016 # expanded where it runs
    WITH=(sh -c 'echo $$ >"$0" && exec "$@"' "$GROUP/cgroup.procs")
}

KINDS='lists reads links removes'

# before KIND: what is to be there, and not in the kernel's cache.
before() {
    rm -rf ../back/dst ../back/out
    [ "$1" != removes ] || cp -r ../back/src ../back/out
    [ ${#AS[@]} -eq 0 ] || chown -R 65534 ../back
    leave_slow
    enter_slow --delay=500us -o allow_other,default_permissions
}

# What is run of each kind: a command by itself, and what shows its work; "reads" has contents read ahead.
declare -gA COMMAND=(
    [lists]='ls -lR src'
    [reads]='grep -r . src'
    [links]='cp -al src dst; find dst | sort'
    [removes]='rm -r out; ls'
    [forks]='find src -size -3k -name f[135] -exec echo {} +'
)

# alike KIND [STRACE-OPTION...]: KIND plainly and under the library, where strace counts io_uring and
# refuses; leaves the counts of calls in ../counts, its record in ../record.
alike() {
    local kind=$1
    shift
    before "$kind"
    "${AS[@]}" bash -c "${COMMAND[$kind]}" >../plain 2>&1
    before "$kind"
    : >../record
    chmod a+rw ../record
    # The first command's own process, for bash has neither ring nor mappings to count.
    local first=${COMMAND[$kind]%%;*} rest=
    [[ ${COMMAND[$kind]} != *';'* ]] || rest=${COMMAND[$kind]#*;}
    # shellcheck disable=SC2086 # words and patterns
    "${AS[@]}" strace -qq -e signal=none -o ../counts "$@" \
        -E USHIM_STATS="$BATS_TEST_TMPDIR/record" -E USHIM_BACKEND="${WAY:-auto}" -E LD_PRELOAD="$LIB" "${WITH[@]}" $first >../shim 2>&1 || fail "status $?: $(tail -3 ../shim)"
    "${AS[@]}" bash -c "$rest" >>../shim 2>&1
    same ../plain ../shim || fail "$(tail -3 ../counts)"
}

# called NAME: how many calls NAME... strace wrote down.
called() {
    grep -c "^$1(" ../counts || true
}

field() {
    jq -s "map(.$1) | add // 0" ../record
}

deferred() {
    jq -s '[.[].ops[].deferred // 0] | add // 0' ../record
}

# given_up ERRNO: the ring was, for this reason, or was never had; a few calls showed it.
given_up() {
    [ "$(jq -s 'map(.ring_error) | min' ../record)" -eq "$1" ] || fail "ring_error: $(cat ../record)"
    [ "$(called io_uring_enter)" -le 12 ] || fail "$(called io_uring_enter) calls of io_uring_enter"
    [ "$(called io_uring_setup)" -le 6 ] || fail "$(called io_uring_setup) calls of io_uring_setup"
    [ "$(field asked)" -le 12 ] || fail "$(field asked) questions were asked ahead"
    [ "$(field fetched)" -le 12 ] || fail "$(field fetched) files were read ahead"
    [ "$(deferred)" -le 12 ] || fail "$(deferred) commands were acknowledged"
}

# refused ERRNO STRACE-OPTION...: with these refusals every kind is alike, and the ring is given up; threads of the
# library's own take its place where they may.
refused() {
    local err=$1 kind
    shift
    for kind in $KINDS; do
        WAY=ring alike "$kind" -e trace=/io_uring "$@"
        given_up "$err"
        WAY=auto alike "$kind" -e trace=/io_uring "$@"
        [ "$(called io_uring_setup)" -le 6 ] || fail "$(called io_uring_setup) calls of io_uring_setup"
        [ "$(field by_crew)" -ge 20 ] || fail "$kind: only $(field by_crew) calls by threads: $(cat ../record)"
    done
}

@test "C10: at RLIMIT_NPROC no worker comes, and nothing is asked of any" {
    requires root # root's own are not counted
    requires prlimit
    let_everybody_in
    local kind
    AS=(as_user)
    for kind in $KINDS; do
        WITH=(prlimit --nproc=1)
        alike "$kind" -e trace=/io_uring
        [ "$(called io_uring_enter)" -le 12 ] || fail "$(called io_uring_enter) calls of io_uring_enter"
        [ "$(field asked)$(field fetched)$(deferred)" = 000 ] || fail "$(cat ../record)"
    done
}

@test "C10: workers leave others the processes of a container" {
    group_of pids
    local kind most
    # With one process more, with some, and with so many that a few workers are nobody's loss.
    for most in 2 5 40; do
        echo "$most" >"$GROUP/pids.max"
        for kind in forks reads links removes lists; do
            alike "$kind" -e trace=/io_uring
            [ "$most" = 40 ] || [ "$(field asked)$(field fetched)$(deferred)" = 000 ] || fail "$most: $(cat ../record)"
        done
    done
    [ "$(field used)" -gt 4 ] || fail "$(cat ../record)"
}

@test "C10: what is asked ahead fits into a small container's memory" {
    group_of memory
    local kind limit=$GROUP/memory.limit_in_bytes
    [ -e "$limit" ] || limit=$GROUP/memory.max
    echo $((6 << 20)) >"$limit" # as docker allows
    for kind in forks reads links removes lists; do
        alike "$kind" -e trace=/io_uring
    done
    [ "$(field used)" -gt 4 ] || fail "$(cat ../record)"
}

@test "C10: questions that come back undone for want of a worker are not counted as used" {
    requires root
    requires prlimit
    let_everybody_in
    local kind
    AS=(as_user)
    for kind in $KINDS; do
        WITH=(env USHIM_WITHOUT=nop prlimit --nproc=1) # nobody asks for a first worker
        alike "$kind" -e trace=/io_uring
        [ "$(jq -s 'map(.ring_error) | min' ../record)" -eq -125 ] || fail "$(cat ../record)"
        [ "$(field used)" -eq 0 ] || fail "$kind: $(field used) used"
        [ "$(field asked)" -le 64 ] || fail "$kind: $(field asked) asked"
    done
}

@test "C10: a ring refused for memory, descriptors or permission is asked for once" {
    refused -12 -e inject=io_uring_setup:error=ENOMEM
    refused -24 -e inject=io_uring_setup:error=EMFILE
    refused -1 -e inject=io_uring_setup:error=EPERM
}

@test "C10: a ring whose entries are never taken is given up" {
    refused -12 -e inject=io_uring_enter:error=ENOMEM
    refused -1 -e inject=io_uring_enter:error=EPERM
}

@test "C10: a ring whose entries are not taken any more is given up" {
    local err
    for err in EAGAIN EBUSY ENOMEM EPERM; do
        alike lists -e trace=/io_uring -e inject=io_uring_enter:error="$err":when=6+
        [ "$(called io_uring_enter)" -le 300 ] || fail "$err: $(called io_uring_enter) of io_uring_enter"
        [ "$(field ring_error)" -lt 0 ] || fail "$err: $(cat ../record)"
        [ "$(field asked)" -le 20 ] || fail "$err: $(field asked) asked"
    done
}

@test "C10: without a table of files nothing is opened ahead, and the rest goes on" {
    local kind
    for kind in $KINDS; do
        alike "$kind" -e trace=/io_uring,openat -e inject=io_uring_register:error=EMFILE:when=3+
        [ "$(field ring_error)" -eq 0 ]
        [ "$(field fetched)" -eq 0 ] || fail "$(field fetched) files were read ahead"
        [ "$(grep -c /dev/zero ../counts)" -le 1 ] || fail "a guard was asked for again and again"
        [ "$kind" != lists ] || [ "$(field used)" -gt 40 ] || fail "$(field used) questions used"
    done
}

@test "C10: memory refused once is left to the program" {
    local kind first
    for kind in $KINDS; do
        alike "$kind" -e trace=mmap
        first=$(called mmap)
        alike "$kind" -e trace=mmap -e inject=mmap:error=ENOMEM:when=$((first / 2 + 6))+
        [ "$(grep -c ENOMEM ../counts)" -le 4 ] || fail "$kind: $(grep -c ENOMEM ../counts) mappings tried"
    done
}
