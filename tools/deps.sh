#!/bin/sh
# SPDX-License-Identifier: MIT
# deps.sh [build|demo|check|bench|lab|lint|fuzz|deb]: sees to the packages that step needs.
#
# Looks for the thing itself (a command, a header), so it is silent and installs nothing where
# all is there, however it came. What is missing is installed by apt-get, as root or through
# "sudo -n". Where that cannot be, one line says what is missing; the exit status is 1 only if
# the step cannot do without.
set -u

step=${1:-build}
missing='' lacking=''

# need|want PACKAGE PROBE: a command, or the absolute name of a file. "need": not without it.
absent() {
	case $1 in
	/*) [ ! -e "$1" ] ;;
	lib*.a) archive=$(cc -print-file-name="$1" 2>/dev/null); [ "${archive#/}" = "$archive" ] ;;
	*) ! command -v "$1" >/dev/null 2>&1 && [ ! -x "/usr/sbin/$1" ] && [ ! -x "/sbin/$1" ] ;;
	esac
}

need() {
	if absent "$2"; then
		missing="$missing $1"
		lacking="$lacking $1"
	fi
}

want() {
	if absent "$2"; then
		missing="$missing $1"
	fi
}

step_build() {
	need gcc cc
	need make make
	need libc6-dev /usr/include/stdio.h
	need liburing-dev /usr/include/liburing.h
}

step_demo() {
	step_build
	want strace strace
}

step_check() {
	step_demo
	need bats bats
	want jq jq
	want rsync rsync
	want sqlite3 sqlite3
	want fio fio
	want stress-ng stress-ng
	want e2fsprogs mkfs.ext4
	want xfsprogs mkfs.xfs
	want btrfs-progs mkfs.btrfs
	want fuse3 fusermount3
	want libfuse3-dev /usr/include/fuse3/fuse.h
	want shellcheck shellcheck
	want eatmydata eatmydata
	want attr setfattr
	want acl setfacl
	want cpio cpio
	want patch patch
	want zstd zstd
	want git git
	want python3 python3
	want musl-tools musl-gcc
	want binutils readelf
	want file file
	want man-db man
	want procps ps
	want xz-utils xz
	want psmisc killall
}

step_bench() {
	step_build
	want hyperfine hyperfine
	want valgrind valgrind
	want eatmydata eatmydata
	want git git
	want python3 python3
	want rsync rsync
	want strace strace
	want e2fsprogs mkfs.ext4
	want fuse3 fusermount3
	want libfuse3-dev /usr/include/fuse3/fuse.h
	want zip zip
	want unzip unzip
	want fd-find fdfind
	want bfs bfs
}

step_lab() {
	step_build
	want qemu-system-x86 qemu-system-x86_64
	want mmdebstrap mmdebstrap
	want e2fsprogs mke2fs
	want cpio cpio
	want xz-utils xz
	want zstd zstd
	want git git
	want bc bc
	want attr setfattr
	want fuse3 fusermount3
	want libfuse3-dev /usr/include/fuse3/fuse.h
	want libseccomp-dev /usr/include/seccomp.h
	want sshfs sshfs
	want openssh-server sshd
	want openssh-client ssh-keygen
	want glusterfs-server glusterfsd
	want glusterfs-client glusterfs
}

step_lint() {
	step_build
	want shellcheck shellcheck
	want cppcheck cppcheck
	want binutils readelf
}

step_fuzz() {
	step_build
	need clang clang
}

step_deb() {
	step_build
	need dpkg-dev dpkg-buildpackage
	need debhelper dh
	want lintian lintian
}

look() {
	missing='' lacking=''
	"step_$step"
}

# install PACKAGE...: as whoever may. Nothing is asked, nothing said.
install() {
	# shellcheck disable=SC2086 # nothing, or two words
	DEBIAN_FRONTEND=noninteractive $as_root apt-get -qq -y --no-install-recommends \
		-o DPkg::Lock::Timeout=300 install "$@" </dev/null >/dev/null 2>&1
}

try_install() {
	command -v apt-get >/dev/null 2>&1 || return
	as_root=
	if [ "$(id -u)" -ne 0 ]; then
		as_root='sudo -n'
		$as_root apt-get --version >/dev/null 2>&1 || return
	fi
	echo "installing:$missing" >&2
	# shellcheck disable=SC2086 # a list of package names
	install $missing && return
	# Stale or no package lists; then one by one, for what this distribution has.
	$as_root apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null >/dev/null 2>&1
	# shellcheck disable=SC2086
	install $missing && return
	for package in $missing; do
		install "$package"
	done
}

case $step in
build | demo | check | bench | lab | lint | fuzz | deb) ;;
*)
	echo "usage: tools/deps.sh [build|demo|check|bench|lab|lint|fuzz|deb]" >&2
	exit 2
	;;
esac

look
[ -n "$missing" ] || exit 0
[ "${USHIM_DEPS:-}" = 0 ] || try_install
look
[ -n "$missing" ] && echo "missing, and not to be installed from here:$missing" >&2
[ -z "$lacking" ]
