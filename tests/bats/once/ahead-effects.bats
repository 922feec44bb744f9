#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A program lists a directory, asks about its entries one after another, and in the middle of
# that something changes about a later one, about which answers have arrived already
# (tests/prog/ahead-contract.c). Whatever it is: what the program is told is what the kernel
# says. Of every run the statistics record has to show that answers were in play.

load ../common

CONTRACT=$PROG/ahead-contract

setup_file() {
    STORE=$(mktemp -d "$BATS_FILE_TMPDIR/XXXXXX")
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$STORE"
    mkdir "$STORE/local" "$STORE/back" "$STORE/slow"
    export STORE
    if [ -w /dev/fuse ] && [ "$(id -u)" -eq 0 ] && [ -x "$BUILD/slowfs" ]; then
        "$BUILD/slowfs" --delay=1ms "$STORE/back" "$STORE/slow"
    fi
}

teardown_file() {
    mountpoint -q "$STORE/slow" || return 0
    unmounted "$STORE/slow" || umount -l "$STORE/slow"
}

setup() {
    requires uring
    requires jq
}

kind_of() { # SCENARIO
    case $1 in
    readlink*) echo link ;;
    *-inside | list-inner | rmdir) echo dir ;;
    *) echo file ;;
    esac
}

# sum RECORD FIELD: the sum over the program's processes.
sum() {
    jq -s "[.[] | select(.program == \"ahead-contract\") | $2] | add" "$1"
}

# in_play MODE RECORD LEAST: answers were there before the change, and served in auto alone.
in_play() {
    local asked answered
    asked=$(sum "$2" .asked)
    answered=$(sum "$2" '([.ops[].answered // 0] | add)')
    [ "$asked" -ge "$3" ] || fail "only $asked questions were asked ahead"
    case $1 in
    auto) [ "$answered" -ge "$3" ] || fail "only $answered answers were served" ;;
    strict) [ "$answered" -eq 0 ] || fail "$answered answers were served in strict mode" ;;
    esac
}

# scenario PLACE MODE STYLE NAME: one run, in a tree of its own.
scenario() {
    local place=$1 mode=$2 style=$3 name=$4 status=0
    local tree=$name-$style-$mode made=$STORE/$1 record=$STORE/$1-$4-$3-$2 force=1 least=${LEAST:-8}
    [ "$place" = local ] || made=$STORE/back force=0 least=1
    # What a program that watches has listed before it was slow is not opened once more to be listed.
    [ "$place-$name" != slow-told-inotify ] || least=0
    # With the order of the listing, and the kernel's caches, as nobody left them.
    "$CONTRACT" make "$(kind_of "$name")" "$made/$tree" || return
    : >"$record" && chmod 666 "$record" || return # whoever the program becomes writes to it
    USHIM_FORCE=$force USHIM_STATS=$record shim_in "$mode" \
        timeout 60 "$CONTRACT" run "$name" "$style" "$STORE/$place/$tree" || status=$?
    [ "$status" -ne 0 ] || in_play "$mode" "$record" "$least" || status=$?
    [ "$status" -eq 0 ] || echo "# $name on $place storage, by $style, in $mode mode: failed" >&2
    rm -rf "${made:?}/$tree" "$made/$tree.other" "$record"
    return "$status"
}

# holds NAME...: every scenario, two at a time: locally by descriptor and by path, and strict.
holds() {
    local name failed=0
    for name; do
        scenario local auto fd "$name" &
        scenario local auto path "$name" || failed=1
        scenario local strict path "$name" || failed=1
        wait $! || failed=1
    done
    [ "$failed" -eq 0 ]
}

# holds_slowly NAME...: the same on slow storage, as the governor has it.
holds_slowly() {
    requires fuse
    local name failed=0 pids=() pid
    for name; do
        scenario slow auto fd "$name" &
        pids+=($!)
        [ "${#pids[@]}" -lt 4 ] || {
            for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
            pids=()
        }
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    [ "$failed" -eq 0 ]
}

WRITTEN=(write write-close write-close-pipe write-close-dup2 write-dup2-over write-syscall
    fwrite-fclose pwrite writev ftruncate fallocate sendfile copy_file_range)
OPENED=(fchmod futimens fsetxattr read-close-pipe open-write-close open-trunc creat
    fopen-append openat2)
OTHER_NAME=(write-other-name write-other-name-close-pipe truncate-other-name chmod-other-name
    unlink-other-name)
NAMED=(truncate chmod fchmodat utimensat setxattr link unlink unlinkat remove rename-away
    rename-over rename-exchange syscall-chmod)
INNER=(list-inner create-inside mkdir-inside mkstemp-inside rmdir)
FLOWS=(thread thread-memory fork-wait vfork vfork-exec spawn system popen)
WITHIN=(within-opendir within-fopen)
PLACES=(replace-directory dup2-directory closedir-reuse chdir fchdir)
STREAMS=(told-read told-readv told-preadv2 told-splice told-syscall told-fgets told-getline
    told-getc told-getc_unlocked told-fread told-fscanf told-poll told-poll-loop told-select
    told-epoll told-socket-read told-recv told-recvmsg told-eventfd told-eventfd-read
    told-inotify told-fifo-open told-fifo-fopen)
ENDS=(told-wait told-waitid told-waitpid-loop told-pidfd told-kill)
SIGNALS=(told-handler told-handler-sigaction told-sigsuspend told-sigwait told-sigtimedwait
    told-sigpending told-signalfd)
LOCKS=(told-flock told-fcntl told-fcntl-ofd told-fcntl-getlk told-lockf told-dot-lock
    told-dot-lock-link told-dot-lock-mkdir told-sem told-sem-getvalue told-semop told-msgrcv
    told-mq)
# What the kernel itself never restarts; io_uring interrupts whoever it needs (task work).
INTERRUPTIBLE=(hurry-semop hurry-epoll hurry-sigtimedwait hurry-recv hurry-read)
MEMORY=(told-memory told-shmat)

@test "C2: without a change every answer is what the kernel says" {
    holds nothing
}

@test "C2: a program that writes through a descriptor it had before sees it, still open or closed again" {
    holds "${WRITTEN[@]}"
}

@test "C2: a program that changes a file through a descriptor, or opens it to write, sees it" {
    holds "${OPENED[@]}"
}

@test "C2: a program that shares a file's memory and writes there sees it" {
    holds mmap-write
}

@test "C2: a change through another hard link of the file is seen" {
    holds "${OTHER_NAME[@]}"
}

@test "C2: chmod, utimens, truncate, link, unlink, rename of an entry asked about ahead are seen" {
    holds "${NAMED[@]}"
}

@test "C2: an entry that is a directory: listing it and making something in it are seen" {
    holds "${INNER[@]}"
}

@test "C2: reading a symbolic link is an access, and seen as one" {
    holds readlink readlinkat
}

@test "C2: what another thread or a child the program waits for did is seen" {
    holds "${FLOWS[@]}"
}

@test "C2: what a program's own malloc does, in the middle of another call, is seen" {
    holds "${WITHIN[@]}"
}

@test "C2: a directory renamed away and another in its place; its descriptor reused; chdir" {
    holds "${PLACES[@]}"
}

@test "C2: permission lost by seteuid between listing and asking is lost; chown is seen" {
    requires root
    holds seteuid setreuid chown
}

@test "C3: an answer never outlives input: read, stdio, poll, sockets, eventfd, inotify, FIFO" {
    holds "${STREAMS[@]}"
}

@test "C3: an answer never outlives news of another process's end" {
    holds "${ENDS[@]}"
}

@test "C3: an answer never outlives a signal, caught or waited for" {
    holds "${SIGNALS[@]}"
}

@test "C3: an answer never outlives a lock: flock, fcntl, dot-lock, semaphore, queue" {
    holds "${LOCKS[@]}"
}

@test "C3: what comes through shared memory is seen" {
    holds "${MEMORY[@]}"
}

@test "C3: a change nobody tells of is seen within USHIM_STALE_MS" {
    holds untold told-sleep
    LEAST=1 USHIM_STALE_MS=50 holds untold
}

@test "C1: a wait with questions in flight is not interrupted by them" {
    holds_slowly "${INTERRUPTIBLE[@]}"
}

@test "C2, C3: all that on slow storage, own changes" {
    holds_slowly nothing "${WRITTEN[@]}" "${OPENED[@]}" "${OTHER_NAME[@]}" "${NAMED[@]}" \
        "${INNER[@]}" "${FLOWS[@]}" "${PLACES[@]}" seteuid chown
}

@test "C2, C3: all that on slow storage, others' changes" {
    holds_slowly "${STREAMS[@]}" "${ENDS[@]}" "${SIGNALS[@]}" "${LOCKS[@]}" "${MEMORY[@]}" untold
}
