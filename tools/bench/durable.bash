# shellcheck shell=bash disable=SC2153,SC2154 # PLAIN, AUTO, STRICT, WORK, ROUNDS, ... are run's
# SPDX-License-Identifier: MIT
#
# durable: what starting fsyncs together gains and loses. Read by run, after ahead.
#
# Beside them eatmydata, which gives durability up: no library that keeps it can be faster.

DATA=eatmydata:LD_PRELOAD=libeatmydata.so
durable_devices=()
durable_sides=()

durable_begin() { # [LIBRARY]
    durable_sides=("$PLAIN" "$AUTO" "$STRICT")
    [ -z "${1:-}" ] || durable_sides=("$PLAIN" "auto:LD_PRELOAD=$1" "strict:LD_PRELOAD=$1,USHIM_MODE=strict")
    [ -z "$(LD_PRELOAD=libeatmydata.so true 2>&1)" ] && durable_sides+=("$DATA")
}

# Rows "name median min max" on stdin to a line, and targets where they are not 0.
durable_show() { # NAME UNIT AUTO-TARGET STRICT-TARGET
    awk -v name="$1" -v unit="$2" -v auto="$3" -v strict="$4" '
        function met(mode, least, ratio) {
            if (least)
                printf "    target %s, %s: %s (%.3f, wanted %s)\n", name, mode,
                    (ratio >= least ? "met" : "missed"), ratio, least
        }
        { median[$1] = $2 / unit }
        $1 == "plain" { least = $3 / unit; most = $4 / unit }
        function number(value) {
            return sprintf(median["plain"] < 10 ? "%.3f" : "%.1f", value)
        }
        END {
            printf "    %-22s %9s %9s %9s %9s   %6.2f %6.2f   %s to %s\n", name,
                number(median["plain"]), number(median["auto"]), number(median["strict"]),
                median["eatmydata"] ? number(median["eatmydata"]) : "-",
                median["plain"] / median["auto"], median["plain"] / median["strict"],
                number(least), number(most)
            met("auto", auto, median["plain"] / median["auto"])
            met("strict", strict, median["plain"] / median["strict"])
        }'
}

durable_head() { # UNIT
    printf '    %-22s %9s %9s %9s %9s   %6s %6s   %s\n' "$1" plain auto strict eatmydata auto \
        strict 'plain: least to most'
}

# durable_fsyncs NAME PATTERN DIRECTORY COUNT AUTO-TARGET STRICT-TARGET: microseconds each. In every
# round the sides come in another order: what the one before left to be written, or left out, as
# eatmydata does, is the next one's to pay for (btrfs: a tenth and more).
durable_fsyncs() {
    local side name round rows=''
    local -A ns=()
    local -a variables sides
    for ((round = 0; round <= ROUNDS; round++)); do
        mapfile -t sides < <(shuf -e -- "${durable_sides[@]}")
        for side in "${sides[@]}"; do
            name=${side%%:*}
            IFS=, read -r -a variables <<<"${side#*:}"
            sync -f "$3" 2>/dev/null || sync
            ns[$name]+="$(env "${variables[@]:-X=}" "$BENCH/durable" "$2" "$3" "$4") "
            [ "$round" -gt 0 ] || ns[$name]=''
        done
    done
    for side in "${durable_sides[@]}"; do
        name=${side%%:*}
        # shellcheck disable=SC2086 # a list
        rows+="$name $(median ${ns[$name]}) $(printf '%s\n' ${ns[$name]} | sort -n |
            sed -n '1p;$p' | tr '\n' ' ')"$'\n'
    done
    durable_show "$1" 1000 "$5" "$6" <<<"${rows%$'\n'}"
}

# A file system of its own on this disk, mounted in the directory TYPE.
durable_mount() { # TYPE
    local type=$1 device
    missing root "mkfs.$type" losetup mount && return 1
    if truncate -s 600M "$type.img" && "mkfs.$type" -q "$type.img" >/dev/null 2>&1 &&
        mkdir -p "$type" && device=$(losetup --find --show "$type.img"); then
        durable_devices+=("$device")
        mount "$device" "$type" && return
    fi
    printf '    (not shown: %s cannot be mounted here)\n' "$type"
    return 1
}

durable_patterns() { # NAME DIRECTORY TARGETS...: auto and strict, kept open; the same, reopened
    durable_fsyncs "$1, kept open" kept "$2" 256 "$3" "$4"
    durable_fsyncs "$1, reopened" reopened "$2" 256 "$5" "$6"
}

durable_storages() {
    local type memory
    mkdir -p disk
    durable_head 'us per fsync'
    durable_patterns "$(stat -f -c %T .)" disk 3.3 1.7 2 0
    PATH=$PATH:/usr/sbin:/sbin
    durable_mount ext4 && durable_patterns 'ext4, loop' ext4 3.3 1.7 2 0
    durable_mount xfs && durable_patterns 'xfs, loop' xfs 5 2.3 0 0
    durable_mount btrfs && durable_patterns 'btrfs, loop' btrfs 0.98 0.98 0.98 0.98
    [ -w /dev/shm ] && memory=$(mktemp -d /dev/shm/ushim.XXXXXX) && {
        durable_fsyncs 'tmpfs, with the writing' whole "$memory" 256 0.98 0.98
        durable_patterns tmpfs "$memory" 0 0 0 0
        # In 256 of 0.1 us the first few, which are timed, are a tenth.
        durable_fsyncs 'tmpfs, 4,096 kept open' kept "$memory" 4096 0.98 0.98
        # What slowfs stores goes to memory too: on this disk an fsync there took 0.4 ms more.
        slow_missing || {
            "$BUILD/slowfs" --delay=1ms "$memory" "$MNT"
            durable_patterns 'slow, 1 ms' "$MNT" 10 0 0 0
            slow_unmount
        }
        rm -rf "$memory"
    }
    durable_fsyncs 'log beside 1 GiB' log disk 64 0.95 0
}

# durable_row NAME AUTO-TARGET PREPARE COMMAND...: milliseconds
durable_row() {
    local name=$1 target=$2 prepare=$3 rows
    shift 3
    rows=$("$BENCH/alternate" "$ROUNDS" 1 "$prepare; sync -f ." "${durable_sides[@]}" -- "$@") || {
        printf '    %-22s failed\n' "$name"
        return
    }
    durable_show "$name" 1000000 "$target" 0 <<<"$rows"
}

durable_tree() { # FILES DIRECTORY [FILES IN EACH OF ITS DIRECTORIES]
    local file to
    for ((file = 0; file < $1; file++)); do
        to=$2${3:+/$((file / $3))}
        mkdir -p "$to"
        head -c $((500 + file * 37 % 8000)) /dev/urandom >"$to/$(printf 'file%04d' "$file")"
    done
}

durable_dpkg() { # ROW [FILES IN EACH DIRECTORY]
    mkdir -p package/DEBIAN
    printf 'Package: many\nVersion: 1\nArchitecture: all\nMaintainer: n <n@localhost>\nDescription: many files\n' \
        >package/DEBIAN/control
    durable_tree 2000 package/usr/share/many "${2:-}"
    dpkg-deb -Znone --build package many.deb >/dev/null || return
    # shellcheck disable=SC2016 # expanded where it runs
    durable_row "$1" 0 'rm -rf root; mkdir -p root/var/lib/dpkg/info root/var/lib/dpkg/updates \
            root/var/lib/dpkg/triggers; : >root/var/lib/dpkg/status; : >root/var/lib/dpkg/available' \
        dpkg --no-force-unsafe-io --force-not-root --root="$WORK/root" --unpack many.deb
    rm -rf root package many.deb
}

# Not as root: it refuses.
durable_initdb() {
    local where program
    local -a user=() durable_sides=()
    program=$(command -v initdb)
    where=$(mktemp -d "${TMPDIR:-/tmp}/ushim-bench.XXXXXX") && chmod 711 "$where" && mkdir "$where/own" || return
    cp "$LIB" "$where/libushim.so"
    if [ "$(id -u)" = 0 ]; then
        user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
        chown 65534 "$where/own"
    fi
    durable_begin "$where/libushim.so"
    cd "$where" || return
    durable_row initdb 0 'rm -rf own/data' \
        "${user[@]}" "$program" -D "$where/own/data" -U bench --no-locale -E UTF8 -A trust
    cd "$WORK" || return
    rm -rf "$where"
}

durable_programs() {
    local -a operands
    durable_head ms
    mkdir -p files
    mapfile -t operands < <(for ((i = 0; i < 256; i++)); do printf 'files/f%04d\n' "$i"; done)
    # What is written in the preparation is still dirty: no sync behind it.
    rows=$("$BENCH/alternate" "$ROUNDS" 1 "$BENCH/durable written files 256" "${durable_sides[@]}" -- \
        sync "${operands[@]}") && durable_show 'sync f1 ... f256' 1000000 2 0 <<<"$rows"
    missing dpkg || {
        durable_dpkg 'dpkg --unpack'
        durable_dpkg 'dpkg, 250 directories' 8
    }
    durable_tree 2000 tree
    missing git || {
        git -c init.defaultBranch=main init -q tree
        durable_row 'git add' 0 'rm -rf tree/.git; git -c init.defaultBranch=main init -q tree' \
            git -C tree -c core.fsync=all -c core.fsyncMethod=fsync add .
        rm -rf tree/.git
    }
    missing rsync || durable_row 'rsync -a --fsync' 0 'rm -rf dst' rsync -a --fsync tree/ dst
    missing initdb || durable_initdb
    missing sqlite3 || {
        {
            echo 'create table t (a);'
            for ((i = 0; i < 1000; i++)); do
                echo "insert into t values ($i);"
            done
        } >rows.sql
        durable_row 'sqlite3, 1,000 rows' 0.98 'rm -f rows.db' sqlite3 rows.db '.read rows.sql'
    }
    rm -rf files tree dst rows.*
}

section_durable() {
    title "(n) Durability: medians of $ROUNDS; ratios plain/shim. eatmydata gives durability up."
    durable_begin
    durable_storages
    durable_programs
    durable_end
}

durable_end() {
    local device type
    for type in ext4 xfs btrfs; do
        mountpoint -q "$WORK/$type" && umount "$WORK/$type"
    done
    for device in "${durable_devices[@]}"; do
        losetup -d "$device"
    done
    durable_devices=()
} 2>/dev/null
