# shellcheck shell=bash disable=SC2153,SC2154 # PLAIN, AUTO, WORK, BUILD, slow_fresh, ... are run's or ahead's
# SPDX-License-Identifier: MIT
#
# behind: what acknowledging commands gains and loses. Read by run, after ahead.
#
# Strict acknowledges nothing, so it has no column here.

behind_devices=()

behind_head() {
    printf '    %-16s %10s %10s   %7s   %s\n' '' plain auto auto 'plain: least to most'
}

# behind_row NAME TARGET PREPARE COMMAND...: no target where it is 0.
behind_row() {
    local name=$1 least=$2 prepare=$3 rows
    shift 3
    rows=$("$BENCH/alternate" "$ROUNDS" 1 "$prepare" "$PLAIN" "$AUTO" -- "$@") || {
        printf '    %-16s failed\n' "$name"
        return
    }
    awk -v name="$name" '
        { median[$1] = $2 / 1e6 }
        $1 == "plain" { least = $3 / 1e6; most = $4 / 1e6 }
        END {
            printf "    %-16s %10.1f %10.1f   %7.3f   %.1f to %.1f\n", name, median["plain"],
                median["auto"], median["plain"] / median["auto"], least, most
        }' <<<"$rows"
    [ "$least" = 0 ] ||
        target "$name" "$(awk '{ median[$1] = $2 } END { print median["plain"] / median["auto"] }' <<<"$rows")" "$least"
}

behind_rows() { # CP-TARGET RM-TARGET
    behind_head
    behind_row 'cp -al' "$1" "$slow_begin; rm -rf back/dst; $slow_mount" cp -al mnt/tree mnt/dst
    behind_row 'rm -rf' "$2" \
        "$slow_begin; rm -rf back/dst; cp -al back/tree back/dst; $slow_mount" rm -rf mnt/dst
}

# What cannot be acknowledged, as its directory is shared: the names are looked up ahead.
behind_shared() {
    local fresh="$slow_begin; rm -rf back/dst; mkdir back/dst; $slow_mount"
    slow_missing && return
    slow_tree 20 50
    printf '  20 directories of 50 files\n'
    behind_head
    missing rsync || behind_row 'rsync --link-dest' 1.3 "$slow_begin; rm -rf back/dst; $slow_mount" \
        rsync -a "--link-dest=$MNT/tree" mnt/tree/ mnt/dst
    behind_row 'ln -t, 500' 1.3 "$slow_begin; rm -rf back/dst back/many; mkdir back/dst back/many;
        (cd back/many && seq 500 | xargs touch); $slow_mount" sh -c 'ln -t mnt/dst mnt/many/*'
    behind_row 'mv of a tree' 0 "$fresh; cp -al back/tree back/moved" \
        sh -c 'mv mnt/moved mnt/dst && mv mnt/dst/moved mnt/moved; rm -rf back/moved'
    slow_unmount
}

section_behind-slow() {
    title "(k) Commands on slow storage, 1 ms a request: medians of $ROUNDS, ms; ratios plain/shim."
    slow_shapes behind_rows '20 50 8 5' '100 10 3 2.5' '1 1000 1.3 1.0'
    behind_shared
    rm -rf back
}

section_behind-slower() {
    local slow_mount="$BUILD/slowfs --delay=10ms back mnt"
    title "(l) The same at 10 ms a request."
    slow_shapes behind_rows '20 50 8 5' '100 10 3 2.5' '1 1000 1.3 1.0'
    behind_shared
    rm -rf back
}

behind_warm_rows() { # DIRECTORY
    local dir
    printf '  %s\n' "$(stat -f -c %T "$1")"
    for ((dir = 0; dir < 50; dir++)); do
        mkdir -p "$1/tree/d$dir"
        (cd "$1/tree/d$dir" && seq 100 | xargs touch)
    done
    behind_head
    behind_row 'cp -al' 0.98 "rm -rf $1/dst" cp -al "$1/tree" "$1/dst"
    behind_row 'rm -rf' 0.98 "rm -rf $1/dst; cp -al $1/tree $1/dst" rm -rf "$1/dst"
    rm -rf "$1/tree" "$1/dst"
}

# behind_disk KIND: a warm file system of its own at KIND
behind_disk() {
    local device
    missing root "mkfs.$1" losetup mount && return 1
    truncate -s 1G "$1.img" && PATH=$PATH:/usr/sbin:/sbin "mkfs.$1" -q "$1.img" && mkdir -p "$1" || return
    device=$(PATH=$PATH:/usr/sbin:/sbin losetup --find --show "$1.img") || return
    behind_devices+=("$device")
    mount "$device" "$1"
}

section_behind-warm() {
    local kind shm ROUNDS=15
    title "(m) Commands on warm local storage: medians of $ROUNDS, ms; ratios plain/shim. Target: 2 %."
    for kind in ext4 xfs btrfs; do
        behind_disk "$kind" && behind_warm_rows "$kind"
    done
    shm=$(mktemp -d /dev/shm/bench.XXXXXX) && behind_warm_rows "$shm"
    rm -rf "$shm"
    behind_end
}

behind_end() {
    local kind device
    for kind in ext4 xfs btrfs; do
        mountpoint -q "$kind" && umount "$kind"
        rm -f "$kind.img"
    done
    for device in "${behind_devices[@]}"; do
        PATH=$PATH:/usr/sbin:/sbin losetup -d "$device"
    done
    behind_devices=()
} 2>/dev/null
