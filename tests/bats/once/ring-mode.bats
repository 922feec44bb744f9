#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Ring mode from outside: what a tracer sees, and the one thing a program can see of it.

load ../common

setup() {
    requires uring
    cd "$BATS_TEST_TMPDIR" || return
}

# traced PATTERN: how many lines of the trace since the program's start match.
traced() {
    grep -cE "$1" trace || true
}

# counted OPERATION FIELD
counted() {
    jq -s "[.[] | select(.program == \"cp\") | .ops[\"$1\"][\"$2\"] // 0] | add" stats
}

@test "C1: in ring mode strace of cp -al shows no plain linkat, newfstatat or mkdirat, and the counts agree" {
    requires strace
    local directories files i

    mkdir -p tree/a/b tree/c
    for i in 1 2 3 4 5 6 7; do
        echo "$i" >"tree/a/file$i"
        echo "$i" >"tree/a/b/file$i"
    done
    ln -s nowhere tree/c/symlink
    directories=$(find tree -type d | wc -l)
    files=$(find tree -type f | wc -l)
    USHIM_STATS=$PWD/stats USHIM_MODE=ring strace -E LD_PRELOAD="$LIB" -f -o whole \
        -e trace=file,desc,io_uring_setup,io_uring_enter cp -al tree copy
    # From the program's first call on: the shim makes its ring there.
    sed -n '/io_uring_setup/,$p' whole >trace
    [ -s trace ]
    [ "$(traced ' (linkat|link|mkdirat|mkdir|symlinkat|symlink)\(')" -eq 0 ]
    # opendir's own question about its new descriptor is libc's, not the program's (F11). The
    # shim's own, before open and close, are statx and fstat.
    [ "$(traced ' newfstatat\([0-9]+, "", .*AT_EMPTY_PATH')" -eq "$directories" ]
    [ "$(traced ' (newfstatat|stat|lstat)\(')" -eq "$directories" ]

    [ "$(counted LINKAT ring)" -eq $((files + 1)) ] # cp links the symbolic link as well
    [ "$(counted LINKAT ring)" -eq "$(counted LINKAT calls)" ]
    [ "$(counted MKDIRAT ring)" -eq "$directories" ]
    [ "$(counted MKDIRAT ring)" -eq "$(counted MKDIRAT calls)" ]
    [ "$(traced 'io_uring_enter\(')" -eq "$(jq -s 'map(select(.program == "cp").enters) | add' stats)" ]
    [ "$(jq -s 'map(select(.program == "cp").submitted) | add' stats)" -eq \
        "$(jq -s '[.[] | select(.program == "cp").ops[] | (.ring // 0) + (.ring_said_error // 0)] | add' stats)" ]
    diff -r --no-dereference tree copy
    [ "$(stat -c %h tree/a/file1)" -eq 2 ]
}

@test "C1: the counts of ring mode agree with the plain program's calls" {
    requires strace
    local call

    mkdir -p tree/a
    touch tree/a/{1,2,3,4,5}
    strace -f -o plain -e trace=file,desc cp -al tree copy1
    sed -i '1,/"tree"/{/"tree"/!d}' plain # without the loader's calls
    USHIM_STATS=$PWD/stats USHIM_MODE=ring LD_PRELOAD=$LIB cp -al tree copy2
    for call in linkat mkdirat; do
        [ "$(grep -c " $call(" plain)" -eq "$(counted "${call^^}" calls)" ] || fail "$call"
    done
    # stat and fstatat are one system call; opendir's own is not counted.
    [ "$(grep -E ' newfstatat\(' plain | grep -vc 'newfstatat([0-9]*, "",')" -eq \
        $(($(counted STAT calls) + $(counted FSTATAT calls) + $(counted LSTAT calls))) ]
}

# The deviations ring mode cannot help, and the only ones.

@test "documented deviation: in ring mode a worker thread of the kernel's shows in /proc/self/task" {
    local mode threads

    for mode in off auto strict ring; do
        threads=$(shim_in "$mode" "$PROG/thread-count")
        case $mode in
        ring) [ "$threads" -ge 2 ] || fail "$mode: $threads" ;;
        *) [ "$threads" -eq 1 ] || fail "$mode: $threads" ;;
        esac
    done
}

@test "documented deviation: the worker thread is gone after unshare, setns, chroot and the like" {
    [ "$(shim_in ring "$PROG/thread-count" ceded)" -eq 1 ]
}

@test "documented deviation: Python from 3.12 on may warn of a fork in ring mode, and in no other" {
    requires python3
    local mode code='import os
os.mkdir("made"); os.rmdir("made")
pid = os.fork()
if pid == 0: os._exit(0)
os.waitpid(pid, 0)'

    for mode in off auto strict ring; do
        shim_in "$mode" python3 -W always -c "$code" 2>err
        case $mode in
        ring) [ ! -s err ] || grep -q 'multi-threaded' err || fail "$(cat err)" ;;
        *) [ ! -s err ] || fail "$mode: $(cat err)" ;;
        esac
    done
}
