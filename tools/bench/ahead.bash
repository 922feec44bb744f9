# shellcheck shell=bash disable=SC2153,SC2154 # PLAIN, AUTO, STRICT, WORK, BUILD, ... are run's
# SPDX-License-Identifier: MIT
#
# ahead: what asking ahead gains and loses. Read by run.
#
# The slow storage is slowfs at 1 ms a request with time-outs of 1 s, mounted anew before
# every measurement; the cold disk an ext4 of its own on this disk, without caches; the random
# pattern one that no prediction fits.

ROUNDS=${BENCH_ROUNDS:-5}
MNT=$WORK/mnt

target() { # NAME RATIO LEAST
    awk -v name="$1" -v ratio="$2" -v least="$3" 'BEGIN {
        printf "    target %s: %s (%.3f, wanted %s)\n", name, (ratio >= least ? "met" : "missed"),
            ratio, least
    }'
}

# missing THING...: says which of the things (commands, absolute files, root) is not here.
missing() {
    local thing
    for thing; do
        case $thing in
        root) [ "$(id -u)" = 0 ] && continue ;;
        /*) [ -e "$thing" ] && continue ;;
        *) PATH=$PATH:/usr/sbin:/sbin command -v "$thing" >/dev/null && continue ;;
        esac
        printf '    (not shown: requires %s)\n' "$thing"
        return 0
    done
    return 1
}

ahead_head() {
    printf '    %-14s %10s %10s %10s   %7s %7s   %s\n' '' plain auto strict auto strict \
        'plain: least to most'
}

# ahead_row NAME AUTO-TARGET STRICT-TARGET PREPARE COMMAND...: no target where it is 0.
ahead_row() {
    local name=$1 auto_least=$2 strict_least=$3 prepare=$4 rows ratios
    shift 4
    rows=$("$BENCH/alternate" "$ROUNDS" 1 "$prepare" "$PLAIN" "$AUTO" "$STRICT" -- "$@") || {
        printf '    %-14s failed\n' "$name"
        return
    }
    ratios=$(awk '{ median[$1] = $2 } END {
        print median["plain"] / median["auto"], median["plain"] / median["strict"] }' <<<"$rows")
    awk -v name="$name" -v ratios="$ratios" '
        { median[$1] = $2 / 1e6 }
        $1 == "plain" { least = $3 / 1e6; most = $4 / 1e6 }
        END {
            split(ratios, ratio, " ")
            printf "    %-14s %10.1f %10.1f %10.1f   %7.2f %7.2f   %.1f to %.1f\n", name,
                median["plain"], median["auto"], median["strict"], ratio[1], ratio[2], least, most
        }' <<<"$rows"
    [ "$auto_least" = 0 ] || target "$name, auto" "${ratios% *}" "$auto_least"
    [ "$strict_least" = 0 ] || target "$name, strict" "${ratios#* }" "$strict_least"
}

# For what is run before every measurement: unmount DIRECTORY. The kernel takes a ring's files
# down behind the back of the process that had it, so a mount may be busy a moment longer.
# shellcheck disable=SC2016 # expanded where it runs
UNMOUNT='unmount() {
    for try in 1 2 3 4 5 6 7 8 9; do
        ! mountpoint -q "$1" || umount "$1" 2>/dev/null || { sleep 0.2; continue; }
        return
    done
    umount "$1"
}'

slow_unmount() {
    eval "$UNMOUNT"
    unmount "$MNT" 2>/dev/null || umount -l "$MNT"
}

# slow_tree DIRECTORIES FILES: back/tree, and a repository of the same in back/repo. An hour
# old, so that git need not suspect that a file changed while its index was written.
slow_tree() {
    local dir file
    rm -rf back
    for ((dir = 0; dir < $1; dir++)); do
        mkdir -p "back/tree/d$dir"
        for ((file = 0; file < $2; file++)); do
            head -c $((100 + (dir * $2 + file) * 37 % 8000)) /dev/zero >"back/tree/d$dir/file$file"
        done
    done
    find back -exec touch -d '1 hour ago' {} +
    command -v git >/dev/null || return 0
    cp -a back/tree back/repo
    git -C back/repo -c init.defaultBranch=main init -q
    # Through a mount, so that the index holds the inodes that it will see.
    "$BUILD/slowfs" back "$MNT" || return
    git -C "$MNT/repo" add . && git -C "$MNT/repo" -c user.name=bench \
        -c user.email=bench@localhost commit -qm all
    slow_unmount
}

# Mounted anew; and without what the command is to make, or with what it is to remove.
slow_begin="$UNMOUNT; unmount mnt"
slow_mount="$BUILD/slowfs --delay=1ms back mnt"
slow_fresh="$slow_begin; $slow_mount"
slow_fresh_dst="$slow_begin; rm -rf back/dst; $slow_mount"
slow_fresh_copy="$slow_begin; rm -rf back/dst; cp -a back/tree back/dst; $slow_mount"

slow_rows() { # AUTO-TARGET STRICT-TARGET
    ahead_head
    ahead_row 'du -s' "$1" "$2" "$slow_fresh" du -s mnt/tree
    ahead_row 'find -size' "$1" "$2" "$slow_fresh" find mnt/tree -size +3k
    ahead_row 'ls -lR' "$1" "$2" "$slow_fresh" ls -lR mnt/tree
}

more_rows() {
    ahead_head
    ahead_row 'tar c' 0 0 "$slow_fresh" sh -c 'tar c mnt/tree | cat'
    ahead_row 'cp -al' 0 0 "$slow_fresh_dst" cp -al mnt/tree mnt/dst
    command -v rsync >/dev/null &&
        ahead_row 'rsync -a --ld' 0 0 "$slow_fresh_dst" \
            rsync -a "--link-dest=$MNT/tree" mnt/tree/ mnt/dst
    command -v git >/dev/null && ahead_row 'git status' 0 0 "$slow_fresh" git -C mnt/repo status
    ahead_row 'rm -rf' 0 0 "$slow_fresh_copy" rm -rf mnt/dst
}

slow_missing() {
    missing root /dev/fuse "$BUILD/slowfs" umount && return
    mkdir -p "$MNT"
    return 1
}

slow_shapes() { # ROWS "DIRECTORIES FILES TARGET TARGET"...: ROWS gets the targets
    local rows=$1 shape
    local -a numbers
    shift
    slow_missing && return
    for shape; do
        read -r -a numbers <<<"$shape"
        printf '  %s directories of %s files\n' "${numbers[0]}" "${numbers[1]}"
        slow_tree "${numbers[0]}" "${numbers[1]}"
        "$rows" "${numbers[2]}" "${numbers[3]}"
        slow_unmount
    done
    rm -rf back
}

section_ahead-slow() {
    title "(f) Slow storage, 1 ms a request, caches empty: medians of $ROUNDS, ms; ratios plain/shim."
    slow_shapes slow_rows '20 50 8 6' '100 10 3.5 3'
}

section_ahead-more() {
    title "(j) The same storage, for information: a file's contents, commands, threads."
    slow_shapes more_rows '20 50 0 0' '100 10 0 0'
}

# A file system of its own on this disk, past this system's caches: dropping those would also
# make the programs cold, and everybody else's.
cold_disk() {
    truncate -s 400M cold.img && mkfs.ext4 -qF cold.img && mkdir -p cold || return
    cold_device=$(losetup --find --show --direct-io=on cold.img 2>/dev/null) ||
        cold_device=$(losetup --find --show cold.img) || return
    mount "$cold_device" cold || {
        losetup -d "$cold_device"
        return 1
    }
}

cold_end() {
    mountpoint -q cold && umount cold
    [ -z "${cold_device:-}" ] || losetup -d "$cold_device"
    cold_device=
    rm -f cold.img
}

# 80 directories of 80 files up to 12 KiB, written in an order that is not the listing's.
cold_tree() {
    local dir file
    for ((file = 0; file < 80; file++)); do
        for ((dir = 0; dir < 80; dir++)); do
            [ "$file" -gt 0 ] || mkdir -p "cold/tree/d$dir"
            head -c $(((file * 7919 + dir * 104729) % 12288)) /dev/urandom >"cold/tree/d$dir/f$file"
        done
    done
}

section_ahead-cold() {
    local again
    local cold_device=
    title "(g) Cold local disk, 80 x 80 files up to 12 KiB: medians of $ROUNDS, ms; ratios plain/shim."
    missing root mkfs.ext4 losetup mount && return
    PATH=$PATH:/usr/sbin:/sbin
    cold_disk || {
        echo '    (not shown: requires a loop device to mount)'
        cold_end
        return
    }
    again="$UNMOUNT; unmount cold && sync cold.img &&
        dd if=cold.img of=/dev/null iflag=nocache count=0 status=none && mount $cold_device cold"
    cold_tree
    ahead_head
    ahead_row 'tar c | cat' 2 0 "$again" sh -c 'tar c cold/tree | cat'
    ahead_row 'grep -r' 2 0 "$again" sh -c 'grep -r no-such-words cold/tree; :'
    ahead_row 'md5sum all' 2 0 "$again" sh -c 'md5sum cold/tree/*/*'
    ahead_row 'cp -r' 1.5 0 "rm -rf cold/dst; $again" cp -r cold/tree cold/dst
    cold_end
}

# Does the kernel count system calls for us? strace makes every call slower, on some machines so
# much that the storage looks slow; its least count of five is the best there is without perf.
perf_counts() {
    perf stat -x, -e raw_syscalls:sys_enter true 2>&1 | grep -q '^[0-9].*raw_syscalls'
}

# calls_once VAR=VALUE COMMAND...: system calls, of children too.
calls_once() {
    local variables=$1
    shift
    if [ "$counter" = perf ]; then
        perf stat -x, -o counts -e raw_syscalls:sys_enter env "$variables" "$@" >/dev/null 2>&1
        awk -F, '/raw_syscalls/ { print $1 }' counts
    else
        env "$variables" strace -f -c -U calls,name -o counts "$@" >/dev/null 2>&1
        awk '$2 == "total" { print $1 }' counts
    fi
}

# calls_of PREPARE VAR=VALUE COMMAND...: the fewest of five runs
calls_of() {
    local prepare=$1 _
    shift
    for _ in 1 2 3 4 5; do
        [ -z "$prepare" ] || sh -c "$prepare"
        calls_once "$@"
    done | sort -n | head -n 1
}

counts_row() { # NAME PREPARE COMMAND...
    local name=$1 prepare=$2 plain start auto
    shift 2
    plain=$(calls_of "$prepare" X= "$@")
    auto=$(calls_of "$prepare" LD_PRELOAD="$LIB" "$@")
    start=$(calls_of '' X= true)
    start=$(($(calls_of '' LD_PRELOAD="$LIB" true) - start))
    awk -v name="$name" -v plain="$plain" -v auto="$auto" -v start="$start" 'BEGIN {
        more = auto - plain
        printf "    %-14s %9d %9d  %+6d  %+6.2f %%  %s\n", name, plain, auto, more,
            100 * more / plain, (100 * (more - start) <= plain ? "met" : "missed")
    }'
}

section_ahead-counts() {
    local where counter=strace
    perf_counts && counter=perf
    title "(h) System calls of a command on a warm tree of 20 x 50 files, plain and auto, by $counter.
    Target: 1 % more at most, beside what any preloaded library costs at a start."
    missing $counter && return
    for where in "$WORK" /dev/shm; do
        [ -w "$where" ] || continue
        (
            cd "$where" && counts=$(mktemp -d counts.XXXXXX) && cd "$counts" || exit
            printf '  %s\n    %-14s %9s %9s  %6s\n' "$(stat -f -c %T .)" '' plain auto more
            for ((dir = 0; dir < 20; dir++)); do
                mkdir -p "tree/d$dir"
                for ((file = 0; file < 50; file++)); do
                    echo "$file" >"tree/d$dir/file$file"
                done
            done
            counts_row 'du -s' '' du -s tree
            counts_row 'find -size' '' find tree -size +3k
            counts_row 'ls -lR' '' ls -lR tree
            counts_row 'tar c' 'rm -f a.tar' tar cf a.tar tree
            counts_row 'cp -r' 'rm -rf dst' cp -r tree dst
            if command -v git >/dev/null; then
                touch -d '1 hour ago' tree/*/*
                git -c init.defaultBranch=main init -q tree && git -C tree add .
                git -C tree status >/dev/null
                counts_row 'git status' '' git -C tree status
            fi
            cd .. && rm -rf "$counts"
        )
    done
}

# One number of a record of USHIM_STATS, summed over its lines.
recorded() { # FILE KEY
    grep -o "\"$2\":[0-9]*" "$1" 2>/dev/null | awk -F: '{ sum += $2 } END { print sum + 0 }'
}

# What one run under MODE asked in vain, of all that reached the storage.
random_waste() { # MODE LISTED
    local before wasted requests
    slow_unmount
    rm -f requests record
    "$BUILD/slowfs" --delay=1ms --log=requests back "$MNT"
    before=$(wc -l <requests)
    LD_PRELOAD=$LIB USHIM_MODE=$1 USHIM_STATS=$WORK/record "$BENCH/random" "$MNT/many" 1000 "$2"
    slow_unmount
    requests=$(($(grep -cv ' forget' requests) - before))
    wasted=$(recorded record wasted)
    awk -v mode="$1" -v wasted="$wasted" -v asked="$(recorded record asked)" \
        -v used="$(recorded record used)" -v all="$requests" 'BEGIN {
            printf "    %-8s asked ahead %d, used %d, wasted %d of %d requests: %.2f %%, target waste: %s\n",
                mode, asked, used, wasted, all, 100 * wasted / all,
                (wasted * 20 < all ? "met" : "missed")
        }'
}

section_ahead-random() {
    local file listed
    title "(i) Slow storage, 1,000 of 2,000 names in random order: medians of $ROUNDS, ms; ratios plain/shim."
    slow_missing && return
    mkdir -p back/many
    for ((file = 0; file < 2000; file++)); do
        : >"back/many/$(printf 'f%04d' "$file")"
    done
    ahead_head
    for listed in unlisted listed; do
        ahead_row "$listed" 0.98 0.98 "$slow_fresh" "$BENCH/random" mnt/many 1000 "$listed"
        random_waste auto "$listed"
        random_waste strict "$listed"
    done
    slow_unmount
    rm -rf back
}

ahead_clean() {
    slow_unmount
    cold_end
} 2>/dev/null
