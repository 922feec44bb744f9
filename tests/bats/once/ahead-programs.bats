#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# alone
# Programs on slow storage while questions are asked and files are read ahead: what they leave
# behind, what they do when the storage hangs, and what must not be opened or touched.
# While anybody on the machine holds a lease nothing is read ahead, and other tests take some.

load ../common

setup() {
    requires uring
    requires jq
    cd "$BATS_TEST_TMPDIR" || return
    mkdir back slow
}

teardown() {
    local mount
    for mount in slow/d slow loop; do
        unmounted "$BATS_TEST_TMPDIR/$mount" || umount -l "$BATS_TEST_TMPDIR/$mount"
    done
}

# files COUNT DIRECTORY
files() {
    mkdir -p "$2"
    for i in $(seq "$1"); do
        echo "contents of $i" >"$2/file$i"
    done
}

# slowly [OPTION...]: back, seen through slow storage at slow
slowly() {
    requires fuse
    [ -x "$BUILD/slowfs" ] || skip "requires libfuse3"
    "$BUILD/slowfs" --delay=1ms --log="$PWD/log" "$@" back slow
}

total() { # JQ
    jq -s "[.[] | $1 // 0] | add" record
}

# ahead MODE COMMAND...: leaves its statistics in record
ahead() {
    local mode=$1
    shift
    rm -f record
    USHIM_STATS=$PWD/record shim_in "$mode" "$@"
}

# opened_before_gone: of no file that was unlinked or renamed was an open left unreleased, by
# the storage's log: start end kind ino name ino2.
opened_before_gone() {
    sort -n log | awk '
        $3 == "lookup" && $6 != "-" { inode[$4 "/" $5] = $6 }
        $3 == "open" && $8 == 0 { open[$4]++ }
        $3 == "release" { open[$4]-- }
        ($3 == "unlink" || $3 == "rename") && $8 == 0 {
            gone++
            if (open[inode[$4 "/" $5]] > 0) { print "open when gone: " $0; bad = 1 }
        }
        END { print gone + 0 " gone"; exit bad || gone < 50 }'
}

@test "C1: tar --remove-files leaves nothing behind, and nothing is open when it is unlinked" {
    requires tar
    local mode
    for mode in auto strict; do
        rm -rf back/d
        files 60 back/d
        slowly
        ahead $mode tar -C slow --remove-files -cf out.tar d
        unmounted slow
        [ ! -e back/d ]
        [ -z "$(ls -A back)" ]
        [ "$(tar -tf out.tar | wc -l)" -eq 61 ]
        [ "$(total .asked)" -gt 10 ]
        opened_before_gone
    done
}

@test "C1: rsync --remove-source-files leaves nothing behind, and nothing is open when it is unlinked" {
    requires rsync
    local mode
    for mode in auto strict; do
        rm -rf back/d copy
        files 60 back/d
        slowly
        ahead $mode rsync -a --remove-source-files slow/d/ copy
        unmounted slow
        [ -z "$(ls -A back/d)" ]
        [ "$(find copy -type f | wc -l)" -eq 60 ]
        [ "$(total .asked)" -gt 0 ]
        opened_before_gone
    done
}

@test "C1: what was opened ahead is closed before the program unlinks it" {
    requires perl
    local mode
    for mode in auto strict; do
        rm -rf back/d
        files 120 back/d
        slowly --delay=open:20ms
        # shellcheck disable=SC2016
        USHIM_FORCE=1 ahead $mode perl -e '
            opendir D, "slow/d"; @n = map "slow/d/$_", grep !/^\./, readdir D;
            while (@n > 4) { # reads some, then the next ones are not wanted any more
                for (splice @n, 0, 3) { open F, "<", $_; @x = <F>; close F }
                unlink splice @n, 0, 4 }'
        unmounted slow
        [ "$(total .fetched)" -gt 0 ]
        opened_before_gone
    done
}

@test "C9: files ahead are opened side by side where the kernel knows their names" {
    local mode
    files 30 back/d
    for mode in auto strict; do
        slowly --readdirplus --entry-timeout=60 --attr-timeout=60 --delay=open:20ms
        find slow/d -size -2 >/dev/null
        USHIM_FORCE=1 ahead $mode grep -r contents slow/d >out
        unmounted slow
        [ "$(wc -l <out)" -eq 30 ]
        [ "$(total .fetched)" -gt 10 ]
        awk '$3 == "lookup" && $5 ~ /^file/ { exit 1 }' log || fail "names were looked up anew"
        awk '$3 == "open" { print $1, 1; print $2, -1 }' log | sort -n |
            awk '{ open += $2; most = open > most ? open : most } END { print most " at once"; exit most < 3 }'
        rm log
    done
}

@test "C1: lists read with getline on slow storage: tar -T -, du --files0-from=-, cpio -p" {
    local mode
    files 60 back/d
    (cd back && find d -type f | sort) >list
    (cd back && tar --mtime=@0 -cf - -T - <../list) | tar -tvf - >plain.tar
    (cd back && cpio --quiet -pd ../plain.copy <../list)
    for mode in auto strict; do
        slowly
        rm -f record
        (cd slow && USHIM_STATS=$OLDPWD/record shim_in $mode tar --mtime=@0 -cf - -T - <../list) | tar -tvf - >shim.tar
        # Names read one by one: what is asked ahead of them warms the kernel's cache.
        [ "$(total .asked)" -gt 0 ] || [ "$(total .fetched)" -gt 0 ]
        (cd slow && tr '\n' '\0' <../list | ahead $mode du -a --apparent-size --files0-from=-) >shim.du
        (cd slow && rm -rf ../copy && ahead $mode cpio --quiet -pd ../copy <../list)
        unmounted slow
        same plain.tar shim.tar
        [ "$(wc -l <shim.du)" -eq 60 ]
        diff -r plain.copy copy
    done
}

@test "C1: storage that hangs while the program quits early: it ends, with what it had to say" {
    local mode last
    files 60 back/d
    last=$(find back/d/ -type f -printf '%f\n' | sed -n 10p)
    for mode in auto strict; do
        slowly --hang=lookup:14+:2s
        # Ten are seen to, those asked ahead hang.
        ahead $mode timeout 60 find slow/d/ -size -2 -print -name "$last" -quit >out
        [ "$(wc -l <out)" -eq 10 ]
        [ "$(total .asked)" -gt 0 ] || fail "nothing was asked ahead"
        unmounted slow
    done
}

@test "C1: storage that hangs while the program is killed by SIGINT: it ends by the signal" {
    local mode status
    files 60 back/d
    for mode in auto strict; do
        slowly --hang=lookup:30+:3s
        status=0
        # A bats job ignores SIGINT; env gives the program its default back.
        ahead $mode env --default-signal=INT timeout -s INT -k 20 0.5 find slow/d -size -2 \
            >out || status=$?
        [ "$status" -eq 124 ]
        [ "$(awk '$3 == "lookup"' log | wc -l)" -gt 30 ] || fail "nothing hung"
        unmounted slow
    done
}

@test "C1: storage that hangs while a program with a handler for SIGINT is interrupted" {
    requires perl
    local mode status
    files 60 back/d
    for mode in auto strict; do
        slowly --hang=lookup:30+:2s
        status=0
        # shellcheck disable=SC2016
        ahead $mode env --default-signal=INT timeout -s INT -k 20 0.5 perl -e '
            $SIG{INT} = sub { print "handled\n"; exit 3 };
            opendir D, "slow/d"; @n = grep !/^\./, readdir D;
            lstat "slow/d/$_" for @n; print "all\n"' >out || status=$?
        [ "$status" -eq 124 ]
        [ "$(cat out)" = handled ]
        unmounted slow
    done
}

@test "C1: no FIFO, device or socket in a directory is ever opened ahead" {
    requires fuse
    local mode writers=()
    files 60 back/d
    for i in 5 15 25 35 45; do
        mkfifo "back/d/file${i}0-fifo"
        mknod "back/d/file${i}0-zero" c 1 5
        perl -e 'use IO::Socket::UNIX; IO::Socket::UNIX->new(Type => SOCK_STREAM,
            Local => $ARGV[0], Listen => 1)' "back/d/file${i}0-sock"
    done
    for mode in auto strict; do
        slowly
        # Who writes to a FIFO waits until somebody opens it for reading.
        for i in slow/d/*-fifo; do
            timeout 20 bash -c 'echo >"$1"; touch noticed' - "$i" 3>&- &
            writers+=($!)
        done
        ahead $mode grep -r -D skip contents slow/d >out
        [ ! -e noticed ] || fail "a FIFO was opened"
        kill "${writers[@]}"
        wait "${writers[@]}" || :
        writers=()
        unmounted slow
        [ "$(wc -l <out)" -eq 60 ]
        [ "$(total .fetched)" -gt 0 ]
        # All opens are of regular files: the inodes the log shows opened.
        awk '$3 == "open" { print $4 }' log | sort -u >opened
        find back/d ! -type f ! -type d -printf '%i\n' | sort -u >special
        [ -z "$(comm -12 opened special)" ]
        [ "$(wc -l <opened)" -eq 60 ]
        [ "$(wc -l <special)" -eq 15 ]
    done
}

@test "C1: access times are the plain run's: grep -r, tar, md5sum, ls -l on strictatime ext4" {
    requires loop
    requires mkfs.ext4
    local mode tenth
    mkdir loop
    truncate -s 64M image
    mkfs.ext4 -q -F image
    mount -o loop,strictatime image loop
    files 40 loop/a
    files 40 loop/b
    tenth=$(find loop/b -type f | sed -n 10p)
    find loop -exec touch -a -d '2001-01-01' {} +
    # What the program itself does not touch has to stay as it is.
    for mode in off auto strict; do
        find loop -exec touch -a -h -d '2001-01-01' {} +
        # shellcheck disable=SC2046
        USHIM_FORCE=1 ahead $mode md5sum $(seq -f 'loop/a/file%g' 20) >sums.$mode
        # Quits after a few files: the others were read ahead, and must not show it.
        USHIM_FORCE=1 ahead $mode grep -r -q "$(cat "$tenth")\$" loop/b
        [ $mode = off ] || [ "$(total .fetched)" -gt 0 ]
        USHIM_FORCE=1 ahead $mode ls -l loop/a >/dev/null
        find loop -printf '%P %AY\n' | sort >atimes.$mode
    done
    same atimes.off atimes.auto
    same atimes.off atimes.strict
    same sums.off sums.auto
    grep -q 2001 atimes.off
    ! grep -vq 2001 atimes.off || return 0
    fail "no access time changed at all"
}

@test "C1: mounting over a directory, and unmounting right after a run, work" {
    requires fuse
    requires unshare
    local mode
    files 60 back/d
    for mode in auto strict; do
        slowly
        ahead $mode find slow/d -size -2 >out
        unmounted slow
        [ "$(wc -l <out)" -eq 60 ]
        [ "$(total .asked)" -gt 10 ]
        slowly
        # Listed and asked about in part, then tmpfs lies over it.
        # shellcheck disable=SC2016
        ahead $mode perl -e '
            opendir D, "slow/d"; @n = grep !/^\./, readdir D;
            lstat "slow/d/$n[$_]" for 0 .. 19;
            system("mount", "-t", "tmpfs", "none", "slow/d") == 0 or die;
            print scalar(grep { lstat "slow/d/$_" } @n[20 .. 59]), "\n"' >out
        unmounted slow/d slow
        [ "$(cat out)" -eq 0 ]
        [ "$(total .asked)" -gt 10 ]
    done
}
