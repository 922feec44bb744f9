#!/bin/bash
# SPDX-License-Identifier: MIT
# cases.sh uses what is set here (SC2034), and sets what is used here (SC2154); options are words (SC2086).
# shellcheck disable=SC2034,SC2086,SC2154,SC1091
#
# hostfs.sh LIB [sshfs|gluster|slowfs]...: the table of cases.sh on FUSE file systems, on this machine
# itself, served on loopback behind tcpdelay (DELAY ms a round trip, 1). Needs root and what README.md
# names; starts its own sshd and glusterfsd, by hand and on ports of its own, and ends them.
# Variables: DELAY, CASES, REPS, DIRS, FILES, MODE; SSHFS (options of the mount), SLOWFS (the project's
# build/slowfs, for slowfs), SLOWFS_OPTIONS (--readdirplus, --xattr, ...).
set -u
here=$(dirname "$(readlink -f "$0")")
. "$here/cases.sh"
lib=$(readlink -f "${1:?libushim.so}"); shift
[ $# -gt 0 ] || set -- sshfs gluster
export USHIM_MODE=${MODE:-auto} PATH=$PATH:/usr/sbin LC_ALL=C
us=$(echo "${DELAY:-1}*1000/1" | bc)
umask 022
top=$(mktemp -d "${TMPDIR:-/tmp}/hostfs.XXXXXX") pids=()
leave() {
	cd /
	! mountpoint -q "$top/gluster" || umount -l "$top/gluster"
	mountpoint -q "$top/mnt" && { umount "$top/mnt" || umount -l "$top/mnt"; }
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null
	sleep 0.3; rm -rf "$top"
}
trap leave EXIT; trap 'exit 130' INT; trap 'exit 143' TERM
cc -O2 -pthread -o "$top/tcpdelay" "$here/tcpdelay.c" || exit 2
port() { # a port nobody listens on
	local p=$((20000 + RANDOM % 20000))
	while (: </dev/tcp/127.0.0.1/$p) 2>/dev/null; do p=$((p + 1)); done
	echo $p
}
await() { local n=0; until (: </dev/tcp/127.0.0.1/"$1") 2>/dev/null || [ $n = 100 ]; do sleep 0.1; n=$((n + 1)); done; }
proxy() { "$top/tcpdelay" "$2" "$1" "$us" & pids+=($!); }
umount_fs() { # at once, as a user would; busy is a finding
	umount "$mnt"
}
for fs; do
	back=$top/$fs mnt=$top/mnt work=$top/work-$fs
	STATS=$work/stats.json
	mkdir -p "$back" "$mnt" "$work" "$top/brick"
	[ $fs = gluster ] || make_tree
	case $fs in
	sshfs)
		p=$(port); q=$(port)
		ssh-keygen -q -t ed25519 -N '' -f "$top/host"; ssh-keygen -q -t ed25519 -N '' -f "$top/user"
		cp "$top/user.pub" "$top/authorized"; mkdir -p /run/sshd
		cat >"$top/sshd_config" <<-CONF
			ListenAddress 127.0.0.1:$p
			HostKey $top/host
			AuthorizedKeysFile $top/authorized
			PermitRootLogin prohibit-password
			StrictModes no
			UsePAM no
			PidFile none
			Subsystem sftp internal-sftp
		CONF
		/usr/sbin/sshd -D -f "$top/sshd_config" 2>"$top/sshd.log" & pids+=($!)
		await "$p"; proxy "$p" "$q"; await "$q"
		mount_fs() {
			sshfs "root@127.0.0.1:$back" "$mnt" -p "$q" -o "IdentityFile=$top/user,StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null,LogLevel=ERROR${SSHFS:+,$SSHFS}"
		} ;;
	gluster)
		p=$(port); q=$(port)
		cat >"$top/brick.vol" <<-VOL
			volume posix
			  type storage/posix
			  option directory $top/brick
			end-volume
			volume locks
			  type features/locks
			  subvolumes posix
			end-volume
			volume brick
			  type performance/io-threads
			  option thread-count 16
			  subvolumes locks
			end-volume
			volume server
			  type protocol/server
			  option transport-type tcp
			  option transport.socket.bind-address 127.0.0.1
			  option transport.socket.listen-port $p
			  option auth.addr.brick.allow 127.0.0.1
			  subvolumes brick
			end-volume
		VOL
		{
			printf 'volume c0\n type protocol/client\n option transport-type tcp\n option remote-host 127.0.0.1\n option remote-port %s\n option remote-subvolume brick\n option ping-timeout 42\nend-volume\n' "$q"
			n=0
			# those of a volume made by "gluster volume create", from the bottom up
			for x in write-behind readdir-ahead open-behind quick-read md-cache; do
				printf 'volume c%d\n type performance/%s\n subvolumes c%d\nend-volume\n' $((n + 1)) $x $n; n=$((n + 1))
			done
		} >"$top/client.vol"
		glusterfsd -N -f "$top/brick.vol" -l "$top/brick.log" -p "$top/brick.pid" & pids+=($!)
		await "$p"; proxy "$p" "$q"; await "$q"
		# What is prepared goes through a mount of its own, without the delay: a brick must not be
		# changed behind GlusterFS.
		sed "s/remote-port $q/remote-port $p/; /end-volume/q" "$top/client.vol" >"$top/fast.vol"
		glusterfs -f "$top/fast.vol" -l "$top/fast.log" --attribute-timeout=0 --entry-timeout=0 "$back"
		n=0; until mountpoint -q "$back" && ls "$back" >/dev/null 2>&1 || [ $n = 50 ]; do sleep 0.1; n=$((n + 1)); done
		make_tree
		mount_fs() {
			local n=0
			glusterfs -f "$top/client.vol" -l "$top/client.log" "$mnt" || return 1
			until mountpoint -q "$mnt" && ls "$mnt/src" >/dev/null 2>&1 || [ $n = 50 ]; do sleep 0.1; n=$((n + 1)); done
			[ $n -lt 50 ]
		} ;;
	slowfs)
		mount_fs() { "${SLOWFS:?}" --delay="${us}us,flush:0,release:0" ${SLOWFS_OPTIONS-} "$back" "$mnt"; } ;;
	esac
	mount_fs || { echo "$fs does not mount"; tail -5 "$top"/*.log 2>/dev/null; continue; }
	absent=("$mnt"/absent{1..41}); stat "$mnt" >/dev/null # what one lookup costs, the start of a process taken off
	t0=$EPOCHREALTIME; stat "${absent[0]}" >/dev/null 2>&1; t1=$EPOCHREALTIME; stat "${absent[@]}" >/dev/null 2>&1; t2=$EPOCHREALTIME
	mean=$(echo "scale=2; (($t2-$t1)-($t1-$t0))*25" | bc)
	umount_fs
	table "$fs, $(uname -r), USHIM_MODE=$USHIM_MODE, a lookup takes about $mean ms, $dirs directories of $files files, best of $reps"
	[ -z "${KEEP-}" ] || cp -a "$work" "$KEEP/"
done
