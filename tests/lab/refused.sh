#!/bin/bash
# SPDX-License-Identifier: MIT
# cases.sh uses what is set here, and evaluates what is prepared later.
# shellcheck disable=SC1091,SC2034,SC2016,SC2154
#
# refused.sh LIB SLOWFS: cp -al, du and rm -rf on a slow FUSE (SLOWFS: the project's
# build/slowfs), where io_uring is refused the ways refuse.c
# knows, and in a container: without threads of ours the gain has to be 1.0, and nothing may change.
# Needs root, fuse3, gcc, libseccomp-dev.
set -u
here=$(dirname "$(readlink -f "$0")")
. "$here/cases.sh"
lib=$(readlink -f "${1:?libushim.so}") slowfs=$(readlink -f "${2:?slowfs}")
top=$(mktemp -d "${TMPDIR:-/tmp}/refused.XXXXXX") back=$top/back mnt=$top/mnt work=$top
mkdir "$back" "$mnt"
trap 'cd /; fusermount3 -qu "$mnt"; rm -rf "$top"' EXIT
cc -O2 -o "$top/refuse" "$here/refuse.c" -lseccomp || exit 2
make_tree
mount_fs() { "$slowfs" --delay="${US:-1000}us" "$back" "$mnt"; }
umount_fs() { umount "$mnt"; }
# contained: as EPERM, below the first process of a container (a shell) instead of at once.
printf '#!/bin/sh\nexec unshare --pid --fork --mount-proc %s/refuse EPERM sh -c '"'"'"$@"; exit $?'"'"' sh "$@"\n' \
	"$top" >"$top/contained"
chmod +x "$top/contained"
for how in ${HOW:-none allow EPERM ENOSYS enter contained}; do
	launch="$top/refuse $how"
	[ "$how" != contained ] || launch=$top/contained
	echo "# refused: $how ($(uname -r), $((${US:-1000})) us a request)"
	for c in ${CASES:-cpal du rmrf}; do
		case $c in # cases.sh's rows, under the launcher
		cpal) row cpal "$launch cp -al src dst" 'rm -rf "$back/dst"' 'TIMES=1 sum "$back/dst"' ;;
		du) row du "$launch du -s src" ;;
		rmrf) row rmrf "$launch rm -rf dst" 'rm -rf "$back/dst"; cp -al "$back/src" "$back/dst"' 'ls -a "$back"' ;;
		lsl) row lsl "$launch ls -lR src" ;;
		esac
	done
done
