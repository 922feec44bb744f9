# SPDX-License-Identifier: MIT
# In the machine, with cases.sh beside it, which uses what is set here.
# shellcheck shell=bash disable=SC1091,SC2034,SC2154,SC2317
#
# netfs.sh: for vm.sh. FS (nfs42, nfs41, nfs3, cifs, 9p or ext4) served and mounted on loopback, with
# DELAY ms (1) of added round trip; the table of cases.sh. Beside it: cases.sh and libushim.so.
#   vm.sh -e FS=nfs42 6.12 netfs.sh cases.sh .../libushim.so
# Variables: FS, DELAY, CASES, REPS, DIRS, FILES, MOUNT (more mount options), MODE (USHIM_MODE)
. ./cases.sh
FS=${FS:-nfs42} DELAY=${DELAY:-1}
export USHIM_MODE=${MODE:-auto}
lib=/job/libushim.so back=/disk/export mnt=/mnt work=/tmp/work STATS=/tmp/work/stats.json
mkdir -p $back $work
umask 022
make_tree
case $FS in
nfs*)
	modprobe -a nfsd nfs nfsv3 nfsv4 2>/dev/null
	mount -t nfsd n /proc/fs/nfsd 2>/dev/null
	mkdir -p /var/lib/nfs/rpc_pipefs /run/rpc_pipefs /var/lib/nfs/v4recovery
	touch /var/lib/nfs/rmtab /var/lib/nfs/etab
	echo 10 >/proc/fs/nfsd/nfsv4leasetime; echo 10 >/proc/fs/nfsd/nfsv4gracetime
	echo "$back 127.0.0.1(rw,async,no_root_squash,no_subtree_check,fsid=0)" >/etc/exports
	rpcbind -w 2>/dev/null
	exportfs -ra 2>/dev/null
	rpc.mountd 2>/dev/null
	rpc.nfsd 8 || echo "nfsd does not start"
	echo Y >/proc/fs/nfsd/v4_end_grace 2>/dev/null
	case $FS in
	nfs3) o=vers=3,nolock,proto=tcp,mountproto=tcp from=127.0.0.1:$back ;;
	nfs41) o=vers=4.1 from=127.0.0.1:/ ;;
	*) o=vers=4.2 from=127.0.0.1:/ ;;
	esac
	mount_fs() { mount -t nfs -o "$o${MOUNT:+,$MOUNT}" "$from" "$mnt"; }
	requests() { awk -v m="on $mnt with" 'index($0, m) { on = 1; next } /^device/ { on = 0 }
		on && /per-op/ { p = 1; next } on && p && NF > 8 { n += $2; us += $8 * 1000 } END { printf "%d %dus", n, n ? us / n : 0 }' /proc/self/mountstats; }
	kinds() { awk -v m="on $mnt with" 'index($0, m) { on = 1; next } /^device/ { on = 0 }
		on && /per-op/ { p = 1; next } on && p && NF > 8 && $2 { printf "%s%d ", $1, $2 } END { print "" }' /proc/self/mountstats; }
	;;
cifs)
	modprobe -a cifs cmac sha512_generic ccm gcm aes_generic 2>/dev/null
	mkdir -p /run/samba /var/log/samba /var/lib/samba/private /var/cache/samba
	cat >/etc/samba/smb.conf <<-CONF
		[global]
		workgroup = LAB
		server role = standalone server
		disable netbios = yes
		smb ports = 445
		load printers = no
		printcap name = /dev/null
		map archive = no
		[lab]
		path = $back
		read only = no
		create mask = 0777
		directory mask = 0777
	CONF
	printf 'lab\nlab\n' | smbpasswd -s -a root >/dev/null 2>&1
	smbd -D || echo "smbd does not start"
	n=0; until (: </dev/tcp/127.0.0.1/445) 2>/dev/null || [ $n = 100 ]; do sleep 0.1; n=$((n + 1)); done
	mount_fs() { mount -t cifs -o "vers=3.1.1,username=root,password=lab,noperm${MOUNT:+,$MOUNT}" //127.0.0.1/lab "$mnt"; }
	requests() { awk '/^SMBs:/ { print $2 }' /proc/fs/cifs/Stats 2>/dev/null | tail -1; }
	;;
9p)
	modprobe -a 9p 9pnet 9pnet_fd 2>/dev/null
	diod -n -N -l 127.0.0.1:5640 -e "$back" -w 8 -L /tmp/diod.log -U root 2>/dev/null || diod -n -l 127.0.0.1:5640 -e "$back" -w 8
	sleep 1
	mount_fs() { mount -t 9p -o "trans=tcp,port=5640,version=9p2000.L,uname=root,access=any,aname=$back,msize=65536${MOUNT:+,$MOUNT}" 127.0.0.1 "$mnt"; }
	;;
ext4)
	mount_fs() { echo 3 >/proc/sys/vm/drop_caches; mount --bind "$back" "$mnt"; }
	;;
esac
umount_fs() { umount "$mnt"; }
case $FS in ext4) rtt=none ;; *)
	tc qdisc add dev lo root netem delay "$(echo "$DELAY*500" | bc | cut -d. -f1)us" limit 100000
	rtt=$(ping -q -c 20 -i 0.05 127.0.0.1 | awk -F/ '/^rtt/ { print $5 }') ;;
esac
mount_fs || { echo "$FS does not mount"; dmesg | tail -5; exit 1; }
grep " $mnt " /proc/mounts | cut -c1-250
umount_fs
dmesg >$work/dmesg.before
table "$FS, $(uname -r), USHIM_MODE=$USHIM_MODE, ping over lo $rtt ms, $dirs directories of $files files, best of $reps"
dmesg | diff $work/dmesg.before - | sed -n 's/^> /dmesg: /p'
exit 0
