# shellcheck shell=bash disable=SC2153,SC2154 # PLAIN, AUTO, WORK, BUILD, slow_fresh, ... are run's or ahead's
# SPDX-License-Identifier: MIT
#
# busy: what is left of the gains on a busy machine and where a process may use a third of a processor
# only. Read by run, after ahead and behind.
#
# Beside load everything is slower, plain too. In the cgroup only the command is: its storage is
# another machine's.

busy_pids=()
busy_group=

busy_loops() {
    local _
    for _ in 1 2; do
        timeout 900 sh -c 'while :; do :; done' &
        busy_pids+=($!)
    done
}

busy_loops_end() {
    [ "${#busy_pids[@]}" -eq 0 ] || kill "${busy_pids[@]}"
    wait "${busy_pids[@]}"
    busy_pids=()
} 2>/dev/null

# A cgroup whose processes get 30 ms of every 100; busy_tasks is what takes them in.
busy_group_make() {
    local at
    for at in /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup; do
        if [ -e "$at/cpu.cfs_quota_us" ]; then # version 1
            busy_group=$at/ushim-bench.$$
            mkdir "$busy_group" && echo 100000 >"$busy_group/cpu.cfs_period_us" &&
                echo 30000 >"$busy_group/cpu.cfs_quota_us" && return
        elif grep -qsw cpu "$at/cgroup.controllers"; then
            echo +cpu >"$at/cgroup.subtree_control"
            busy_group=$at/ushim-bench.$$
            mkdir "$busy_group" && echo '30000 100000' >"$busy_group/cpu.max" && return
        fi
    done
    return 1
} 2>/dev/null

busy_group_end() {
    [ -z "$busy_group" ] || rmdir "$busy_group"
    busy_group=
} 2>/dev/null

# busy_ratio PREPARE COMMAND...: "plain auto ratio", ms
busy_ratio() {
    local prepare=$1
    shift
    "$BENCH/alternate" "$ROUNDS" 1 "$prepare" "$PLAIN" "$AUTO" -- "$@" | awk '
        { median[$1] = $2 / 1e6 }
        END { if (median["auto"]) print median["plain"], median["auto"], median["plain"] / median["auto"] }'
}

# busy_row NAME PREPARE COMMAND...
busy_row() {
    local name=$1 prepare=$2 idle loops group='- - -'
    shift 2
    idle=$(busy_ratio "$prepare" "$@")
    busy_loops
    loops=$(busy_ratio "$prepare" "$@")
    busy_loops_end
    # shellcheck disable=SC2016 # expanded where it runs
    [ -z "$busy_group" ] ||
        group=$(busy_ratio "$prepare" sh -c 'echo $$ >"$0" && exec "$@"' "$busy_group/cgroup.procs" "$@")
    awk -v name="$name" -v idle="$idle" -v loops="$loops" -v group="$group" '
        function kept(text, place, ratio) {
            split(text, part, " ")
            if (part[3] + 0 == 0)
                return
            printf "    %-12s %-12s %10.1f %10.1f %9.2f", (place == "idle" ? name : ""), place, part[1], part[2], part[3]
            if (ratio)
                printf "   %3.0f %%  %s", 100 * part[3] / ratio, (part[3] * 3 >= ratio * 2 ? "met" : "missed")
            printf "\n"
            return part[3]
        }
        BEGIN {
            ratio = kept(idle, "idle", 0)
            kept(loops, "two loops", ratio)
            kept(group, "30 %", ratio)
        }'
}

busy_slow() {
    slow_missing && return
    slow_tree 20 50
    busy_row 'cp -al' "$slow_fresh_dst" cp -al mnt/tree mnt/dst
    busy_row 'rm -rf' "$slow_begin; rm -rf back/dst; cp -al back/tree back/dst; $slow_mount" rm -rf mnt/dst
    busy_row 'du -s' "$slow_fresh" du -s mnt/tree
    busy_row 'find -size' "$slow_fresh" find mnt/tree -size +3k
    busy_row 'ls -lR' "$slow_fresh" ls -lR mnt/tree
    slow_unmount
    rm -rf back
}

section_busy() {
    title "(n) Beside two busy loops, and with 30 ms of a processor in every 100: medians of $ROUNDS, ms. Target: two
    thirds of the idle gain."
    printf '    %-12s %-12s %10s %10s %9s   %s\n' '' '' plain auto ratio 'of the idle ratio'
    busy_group_make || echo '    (not shown: requires a cgroup with a limit of processor time)'
    busy_slow
    busy_group_end
}

busy_end() {
    busy_loops_end
    busy_group_end
}
