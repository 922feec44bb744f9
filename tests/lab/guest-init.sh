#!/bin/bash
# SPDX-License-Identifier: MIT
# .vars comes with the job (SC1091, SC2154).
# shellcheck disable=SC1091,SC2154,SC2164
#
# guest-init.sh: process 1 inside (installed by image.sh as /lab/init). Unpacks the job from
# the second disk, runs it, packs $OUT to the third, powers off. Console: ttyS0 the kernel's, ttyS1 the job's.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C TERM=dumb
[ -e /proc/self ] || mount -t proc p /proc
[ -d /sys/kernel ] || mount -t sysfs s /sys
[ -e /dev/null ] || mount -t devtmpfs d /dev
mount -o remount,rw /
disk=/dev/vd; [ ! -b /dev/ubda ] || disk=/dev/ubd # qemu's, User-Mode Linux's
for d in /run /tmp /var/tmp; do mount -t tmpfs -o mode=1777 t $d; done
mkdir -p /dev/pts /dev/shm /run/lock /run/rpcbind /run/sshd
mount -t devpts d /dev/pts; mount -t tmpfs s /dev/shm; chmod 1777 /dev/shm
ln -sf /proc/self/fd /dev/fd; ln -sf fd/0 /dev/stdin; ln -sf fd/1 /dev/stdout; ln -sf fd/2 /dev/stderr
mount -t cgroup2 c /sys/fs/cgroup 2>/dev/null; mount -t debugfs d /sys/kernel/debug 2>/dev/null
mount -t fusectl f /sys/fs/fuse/connections 2>/dev/null
echo lab >/proc/sys/kernel/hostname
grep -q lab /etc/hosts || echo "127.0.0.1 localhost lab" >>/etc/hosts
ip link set lo up 2>/dev/null || busybox ifconfig lo 127.0.0.1 up
dmesg -n 4
mkdir -p /job /disk /out
mount -t ext4 ${disk}d /disk
tar xf ${disk}b -C /job 2>/dev/null
export OUT=/out JOB=/job DISK=/disk
cd /job
. ./.vars
exec 3>/dev/ttyS1
stty -F /dev/ttyS1 raw -echo 2>/dev/null
(
	read -r up _ </proc/uptime
	left=$((limit - ${up%.*}))
	timeout -k 3 $((left > 10 ? left : 10)) setsid -w bash ./script >&3 2>&1 3>&-
	echo $? >/out/.status
)
[ -s /out/.status ] || echo 125 >/out/.status
dmesg >/out/dmesg
tar cf ${disk}c -C /out . 2>/dev/null
sync
echo o >/proc/sysrq-trigger
sleep 60
