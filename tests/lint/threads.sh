#!/bin/bash
# SPDX-License-Identifier: MIT
# threads.sh [BUILD]: what threads of the library's own run (the section .text.crew) reads no storage of a thread,
# which would be the program's, and calls nothing of libc: what it refers to is the library's own.
# What shim/over exports has libc's names.
set -u
build=${1:-build}
status=0
objects=$(find "$build/shim" -name '*.o')
own=$(grep -v /over/ <<<"$objects" | xargs nm -A --defined-only | awk '{ print $NF }' | sort -u)
seen=0
for object in $objects; do
    code=$(objdump -dr --no-show-raw-insn -j .text.crew "$object" 2>/dev/null | grep -v '^$') || continue
    grep -q '>:$' <<<"$code" || continue
    seen=$((seen + 1))
    if grep -n '%fs' <<<"$code"; then
        echo "$object: reads a thread's storage"
        status=1
    fi
    while read -r symbol; do
        case $symbol in .*) continue ;; esac # a section of the same object
        if ! grep -qxF -- "$symbol" <<<"$own"; then
            echo "$object: refers to $symbol"
            status=1
        fi
    done < <(sed -n 's/.*R_X86_64_[A-Z0-9_]*[[:space:]]*\([^-+[:space:]]*\).*/\1/p' <<<"$code" | sort -u)
done
[ "$seen" -gt 3 ] || { echo "no code of such threads found"; status=1; }
exit $status
