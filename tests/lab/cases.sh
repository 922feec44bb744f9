# SPDX-License-Identifier: MIT
# Sourced: the caller sets variables (SC2154). What is prepared and what is looked at is evaluated
# later (SC2016).
# shellcheck shell=bash disable=SC2154,SC2164,SC2016,SC2015
#
# cases.sh (sourced): the commands every table has, run plain and preloaded in turn. The caller sets
#   back    the directory served, as the server sees it      mnt   where the client mounts it
#   lib     libushim.so                                      work  scratch, outside of both
# (OUT: where statistics go, else work) and defines mount_fs and umount_fs (umount_fs fails where the mount is busy), and, if it likes,
# requests (prints "N us": requests so far on this mount, and what one took on the average) and kinds (how many
# of each; kept beside the statistics as kinds-CASE).
dirs=${DIRS:-20} files=${FILES:-25} reps=${REPS:-1}

make_tree() { # a tree of small files, the same as a git repository, and as an archive
	local d f
	if [ -f "${TREE:=tree.tar}" ]; then # made before: see tree.sh
		tar xf "$TREE" -C "$back" && mv "$back/t.tar" "$work/"
		[ ! -d "$back/repo" ] || git -C "$back/repo" update-index -q --refresh
		return
	fi
	mkdir -p "$back/src"
	head -c 9000 /dev/zero | tr '\0' x >"$work/x"
	for d in $(seq "$dirs"); do
		mkdir "$back/src/d$d"
		for f in $(seq "$files"); do head -c $(((f * 397 + d) % 9000)) "$work/x" >"$back/src/d$d/f$f"; done
	done
	find "$back/src" -exec touch -h -d '2024-01-01 00:00:00' {} +
	tar cf "$work/t.tar" -C "$back" --transform 's,^src,u,' src
	if command -v git >/dev/null; then
		cp -a "$back/src" "$back/repo"
		(cd "$back/repo" && git init -q && git add . && git -c user.name=n -c user.email=n@n commit -qm x &&
			git config core.fsmonitor false && sleep 1.1 && git update-index -q --refresh)
	fi
}
sum() { # a tree: names, kinds, sizes, modes, links, owners, (times,) contents
	cd "$1" 2>/dev/null || return
	find . -printf "%P %y %s %m %n %U %G ${TIMES:+%T@}\n" | LC_ALL=C sort | md5sum
	find . -type f -print0 | LC_ALL=C sort -z | xargs -0r cat | md5sum
	cd - >/dev/null || exit
}
ms() { echo "scale=3; ($2-$1)/1" | bc; }
now() { echo "$EPOCHREALTIME"; }

# one KIND: prepares, mounts, runs $cmd under $pre, unmounts; leaves secs, rc, $work/o, state, notes, reqs
one() {
	local t0 t1 left
	notes=
	eval "$prep"; sync -f "$back" 2>/dev/null
	mount_fs || { notes=" mount-failed"; secs=0 rc=-1 state=; return; }
	(cd "$mnt") # the mount itself answers before the clock starts
	t0=$(now)
	(cd "$mnt" && [ -z "$1" ] || export LD_PRELOAD=$1 ${STATS:+USHIM_STATS=$STATS}; cd "$mnt" && eval "timeout ${PATIENCE:-100} $cmd") >"$work/o" 2>"$work/e"
	rc=$?; t1=$(now); secs=$(ms "$t0" "$t1")
	[ $rc != 124 ] || notes+=" HANG"
	reqs=$(declare -F requests >/dev/null && requests)
	if declare -F kinds >/dev/null; then echo "${1:+shim}${1:-plain}: $(kinds)" | sed 's/^shim[^:]*/shim/' >>"${OUT:-$work}/kinds-$name"; fi
	left=$(find "$back" -name '.nfs*' -o -name '.smb*' -o -name '.fuse_hidden*' | head -3 | tr '\n' ' ')
	[ -z "$left" ] || notes+=" left:$left"
	umount_fs 2>"$work/umount" || { notes+=" umount:$(tr '\n' ' ' <"$work/umount")"; sleep 1; umount_fs || umount -l "$mnt"; }
	state=$(eval "$post"; cat "$work/e")
	[ -n "${STATS-}" ] && [ -n "$1" ] && [ -s "$STATS" ] && { cat "$STATS" >>"${OUT:-$work}/stats-$name"; rm -f "$STATS"; }
}
row() { # NAME COMMAND [PREPARE [STATE-AFTER]]
	local name=$1 cmd=$2 prep=${3:-:} post=${4:-:} a=9999 b=9999 ra rb qa qb sa sb same=same said=
	for _ in $(seq "$reps"); do
		one ''; ra=$rc sa=$state qa=$reqs; cp "$work/o" "$work/oa"; said+=$notes
		[ "$(echo "$secs<$a" | bc)" = 1 ] && a=$secs
		one "$lib"; rb=$rc sb=$state qb=$reqs; cp "$work/o" "$work/ob"
		[ -z "$notes" ] || said+=" shim:$notes"
		[ "$(echo "$secs<$b" | bc)" = 1 ] && b=$secs
		[ "$ra" = "$rb" ] && [ "$sa" = "$sb" ] && cmp -s "$work/oa" "$work/ob" || {
			same=DIFF
			{ echo "== $name: status $ra, $rb"; diff <(echo "$sa") <(echo "$sb") | head -20; diff -a "$work/oa" "$work/ob" | head -20; } >>"$work/differences"
		}
	done
	printf '%-6s %8.3f %8.3f %6.2f %s%s%s\n' "$name" "$a" "$b" "$(echo "scale=3; $a/($b+0.0001)" | bc)" $same \
		"${qa:+ requests: $qa -> $qb}" "$said"
	[ $same = same ] || sed 's/^/    /' "$work/differences"
	rm -f "$work/differences"
}
run_case() {
	case $1 in
	cpal) row cpal 'cp -al src dst' 'rm -rf "$back/dst"' 'TIMES=1 sum "$back/dst"' ;;
	cprl) row cprl 'cp -rl src dst' 'rm -rf "$back/dst"' 'sum "$back/dst"' ;; # as cpal, without attributes
	rmrf) row rmrf 'rm -rf dst' 'rm -rf "$back/dst"; cp -al "$back/src" "$back/dst"' 'ls -a "$back"' ;;
	du) row du 'du -s src' ;;
	find) row find 'find src -size +3k' ;;
	lsl) row lsl 'ls -lR src' ;;
	tar) row tar 'tar cf - src' ;;
	grep) row grep 'grep -rc zzz src' ;;
	cpr) row cpr 'cp -r src dst' 'rm -rf "$back/dst"' 'sum "$back/dst"' ;;
	untar) row untar "tar xf $work/t.tar" 'rm -rf "$back/u"' 'TIMES=1 sum "$back/u"' ;;
	rsync) row rsync 'rsync -a --link-dest=../src src/ dst/' 'rm -rf "$back/dst"' 'TIMES=1 sum "$back/dst"' ;;
	# Not in ALL_CASES: read ahead and removed at once. Where a file is still open, NFS leaves a .nfs*.
	tarrm) row tarrm "tar cf $work/x.tar --remove-files dst" 'rm -rf "$back/dst"; cp -a "$back/src" "$back/dst"' 'ls -a "$back"; find "$back/dst" 2>&1' ;;
	mvout) row mvout "mv dst $work/moved" 'rm -rf "$back/dst" $work/moved; cp -a "$back/src" "$back/dst"' 'ls -a "$back"; find "$back/dst" 2>&1; sum $work/moved' ;;
	cprm) row cprm "sh -c 'cp -r dst $work/c && rm -rf dst'" 'rm -rf "$back/dst" $work/c; cp -a "$back/src" "$back/dst"' 'ls -a "$back"; find "$back/dst" 2>&1; sum $work/c' ;;
	own) row own "${CMD:?}" "${BEFORE:-:}" 'sum "$back"' ;; # any other, with CASES=own
	gitst) command -v git >/dev/null && row gitst 'git -C repo status --porcelain' ;;
	esac
}
ALL_CASES='cpal rmrf du find lsl tar grep cpr untar rsync gitst'
table() { # TITLE
	echo "# $1"
	for c in ${CASES:-$ALL_CASES}; do run_case "$c"; done
}
