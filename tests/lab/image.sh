#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC1091,SC2016,SC2012
#
# image.sh [KERNEL-SERIES...]: makes what vm.sh boots, once, under $LAB (/tmp/ushim-lab, about 5 GB):
#   $LAB/root.img           a Debian tree with the servers, clients and test tools (ext4)
#   $LAB/disk.img           an empty ext4, the "local disk" of a run
#   $LAB/kernel/SERIES/     the kernel of each series (default: 6.1 6.12; uml: User-Mode Linux)
# Needs root and the packages named in README.md. Takes about three minutes; installs nothing
# on the host: kernels are unpacked, not installed. The distribution's mirror is the one apt
# uses here.
set -eu
export PATH=$PATH:/usr/sbin:/sbin
LAB=${LAB:-/tmp/ushim-lab}
here=$(dirname "$(readlink -f "$0")")
[ $# -gt 0 ] || set -- 6.1 6.12
mkdir -p "$LAB/debs" "$LAB/kernel"
for tool in mmdebstrap mke2fs apt-get cpio; do
	command -v $tool >/dev/null || { echo "image.sh: $tool is missing (see README.md)" >&2; exit 2; }
done

# The tree: built once, kept in $LAB/root (remove it to build it anew).
packages=bash,coreutils,tar,rsync,git,findutils,grep,strace,less,kmod,mount,util-linux,procps,psmisc
packages+=,iproute2,iputils-ping,nfs-kernel-server,nfs-common,rpcbind,samba,cifs-utils,diod
packages+=,fuse3,sshfs,openssh-server,e2fsprogs,xfsprogs,btrfs-progs,bc,busybox-static
packages+=,bats,jq,sqlite3,fio,stress-ng,eatmydata,attr,acl,cpio,patch,zstd,python3-minimal,python3
packages+=,perl,binutils,file,xz-utils,make,gcc,libc6-dev,liburing-dev,libfuse3-dev,musl-tools,tcpdump
if [ ! -e "$LAB/root/.complete" ]; then
	rm -rf "$LAB/root"
	suite=$(. /etc/os-release; echo "$VERSION_CODENAME")
	apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)|$(ORIGIN)' 'Created-By: Packages' |
		sed -n 's/|Debian$//p' | sort -u >"$LAB/sources"
	mmdebstrap --mode=root --variant=minbase --include="$packages" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		"$suite" "$LAB/root" - <"$LAB/sources"
	touch "$LAB/root/.complete"
fi

# Kernels: the newest image of each series that apt knows (unpacked, never installed).
package_of() { # SERIES
	[ "$1" != uml ] || { echo user-mode-linux; return; }
	apt-cache search --names-only "^linux-image-${1//./\\.}\.[0-9].*-amd64\$" |
		awk '{print $1}' | grep -v -e cloud -e '-rt-' -e dbg | sort -V | tail -1
}
for series; do
	dir=$LAB/kernel/$series
	[ ! -e "$dir/release" ] || continue
	package=$(package_of "$series")
	[ -n "$package" ] || { echo "image.sh: apt knows no linux-image of $series" >&2; exit 2; }
	rm -rf "$dir.new" && mkdir -p "$dir.new"
	(cd "$LAB/debs" && { ls "$package"_*.deb >/dev/null 2>&1 || apt-get -qq download "$package"; })
	dpkg -x "$(ls "$LAB/debs/$package"_*.deb | sort -V | tail -1)" "$dir.new/x"
	modules=$dir.new/x/lib/modules
	if [ "$series" = uml ]; then
		modules=$dir.new/x/usr/lib/uml/modules
		mv "$dir.new/x/usr/bin/linux.uml" "$dir.new/linux"
	else
		mv "$dir.new"/x/boot/vmlinuz-* "$dir.new/vmlinuz"
	fi
	release=$(ls "$modules")
	# All modules of these trees go into the root; drivers of hardware do not.
	mkdir -p "$LAB/root/lib/modules/$release/kernel"
	(cd "$modules/$release" &&
		cp -a modules.order modules.builtin "$LAB/root/lib/modules/$release/"
		cp -a modules.builtin.modinfo "$LAB/root/lib/modules/$release/" 2>/dev/null
		for tree in fs net crypto lib arch/x86/crypto drivers/block drivers/virtio; do
			[ ! -e kernel/$tree ] || cp -a --parents kernel/$tree "$LAB/root/lib/modules/$release/"
		done)
	chroot "$LAB/root" depmod "$release"
	if [ "$series" != uml ]; then
		# The first file system: a busybox, the modules that reach /dev/vda, and its init.
		rd=$dir.new/rd
		mkdir -p "$rd/bin" "$rd/mod" "$rd/proc" "$rd/sys" "$rd/dev" "$rd/new"
		cp "$LAB/root/bin/busybox" "$rd/bin/busybox"
		for applet in sh mount insmod switch_root sleep; do ln -s busybox "$rd/bin/$applet"; done
		n=10
		for module in virtio_pci virtio_blk ext4; do
			chroot "$LAB/root" modprobe -S "$release" --show-depends "$module"
		done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
			name=$rd/mod/$n-$(basename "$file") n=$((n + 1))
			case $file in
			*.xz) xz -dc "$LAB/root$file" >"${name%.xz}" ;;
			*.zst) zstd -qdc "$LAB/root$file" >"${name%.zst}" ;;
			*) cp "$LAB/root$file" "$name" ;;
			esac
		done
		cat >"$rd/init" <<'INIT'
#!/bin/sh
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
for m in /mod/*; do insmod "$m"; done
n=0; until [ -b /dev/vda ] || [ $n = 50 ]; do sleep 0.1; n=$((n+1)); done
mount -t ext4 /dev/vda /new || { echo "no root"; sleep 2; }
mount --move /proc /new/proc; mount --move /sys /new/sys; mount --move /dev /new/dev
exec switch_root /new /lab/init
INIT
		chmod 755 "$rd/init"
		(cd "$rd" && find . | cpio -o -H newc --quiet | gzip -1 >"$dir.new/initrd.gz")
	fi
	echo "$release" >"$dir.new/release"
	rm -rf "$dir.new/x" "$dir.new/rd" "$dir" && mv "$dir.new" "$dir"
done

mkdir -p "$LAB/root/lab" "$LAB/root/job"
cp "$here/guest-init.sh" "$LAB/root/lab/init" && chmod 755 "$LAB/root/lab/init"
rm -f "$LAB/root.img" "$LAB/disk.img"
mke2fs -q -t ext4 -m 0 -O '^has_journal' -E root_owner=0:0 -d "$LAB/root" "$LAB/root.img" 6G
mke2fs -q -t ext4 -m 0 -E lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0 "$LAB/disk.img" 4G
du -sh "$LAB/root.img" "$LAB/disk.img"
