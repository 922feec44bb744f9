#!/bin/bash
# SPDX-License-Identifier: MIT
# Options are words (SC2086).
# shellcheck disable=SC2086
#
# busy.sh LIB SLOWFS [RUNS]: is a mount still busy right after a preloaded program that read from it has
# ended? Each run mounts the project's slowfs, runs CMD (tar cf - src >/dev/null) in it plain or
# preloaded, and unmounts at once. Prints how many of RUNS (20) unmounts found it busy, and the longest
# time until it was not.
set -u
lib=$(readlink -f "$1") slowfs=$(readlink -f "$2") runs=${3:-20}
export USHIM_MODE=${MODE:-auto}
top=$(mktemp -d "${TMPDIR:-/tmp}/busy.XXXXXX"); trap 'cd /; umount -l "$top/mnt" 2>/dev/null; rm -rf "$top"' EXIT
mkdir -p "$top/back/src" "$top/mnt"
for d in $(seq 4); do mkdir "$top/back/src/d$d"; for f in $(seq 25); do echo $f >"$top/back/src/d$d/f$f"; done; done
for pre in '' "$lib"; do
	busy=0 most=0
	for _ in $(seq "$runs"); do
		"$slowfs" --delay="${US:-1000}us" ${OPTIONS-} "$top/back" "$top/mnt" || exit 2
		(cd "$top/mnt" && LD_PRELOAD=$pre bash -c "${CMD:-exec tar cf - src}" >/dev/null 2>&1)
		t0=$EPOCHREALTIME
		if ! umount "$top/mnt" 2>/dev/null; then
			busy=$((busy + 1))
			until umount "$top/mnt" 2>/dev/null; do sleep 0.01; done
			took=$(echo "($EPOCHREALTIME-$t0)*1000/1" | bc)
			[ "$took" -le "$most" ] || most=$took
		fi
	done
	echo "${pre:+preloaded}${pre:-plain}" | sed "s,preloaded.*,preloaded," | tr '\n' ' '
	echo "busy after $busy of $runs; longest $most ms"
done
