#!/bin/bash
# SPDX-License-Identifier: MIT
#
# docs.sh: what the documentation puts in back quotes and looks like a name of ours (a_function, a_file.c,
# USHIM_VARIABLE, --option of a tool) is in the sources.
set -u
cd "$(dirname "$0")/../.." || exit
status=0

# Names of the kernel or of another project.
FOREIGN='sched_yield verify_asan_link_order seccomp_cache'

quoted() {
    # shellcheck disable=SC2016 # back quotes, as Markdown has them
    grep -ohE '`[^`]+`' README.md CONTRIBUTING.md docs/*.md | sed 's/[` =/,()]/\n/g' |
        grep -E '^([a-z]+_[a-z_]+|USHIM_[A-Z_]+|[a-z_]+\.([chS]|def|bats|sh|bash|mk))$' | sort -u
}

while read -r name; do
    case " $FOREIGN " in *" $name "*) continue ;; esac
    case $name in
    *.*) [ -n "$(git ls-files -co --exclude-standard "$name" "*/$name")" ] && continue ;;
    *) git grep -qwF --untracked -- "$name" -- shim include tools tests debian Makefile && continue ;;
    esac
    printf 'docs: %s is nowhere in the sources\n' "$name" >&2
    status=1
done < <(quoted)
exit $status
