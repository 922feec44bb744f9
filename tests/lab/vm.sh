#!/bin/bash
# SPDX-License-Identifier: MIT
# Options are words (SC2086); the file behind && and || only says what is missing (SC2015).
# shellcheck disable=SC2086,SC2015
#
# vm.sh [-t SECONDS] [-o OUTDIR] [-e NAME=VALUE]... KERNEL SCRIPT [FILE|DIR...]: boots KERNEL (a series image.sh made,
# "6.1", "6.12") headless under software emulation, 2 CPUs and 4 GiB, and runs SCRIPT in it with bash.
# KERNEL "uml" is User-Mode Linux (6.1): one CPU, but ten times as fast: the one for timing.
#
# Inside, the working directory is /job with a copy of each FILE or DIR beside the script; $DISK is
# an empty local ext4 of 4 GB, $OUT a directory whose contents come back to OUTDIR (with the kernel's
# log, dmesg); -e sets a variable for it. What SCRIPT prints appears here as it comes. Ends with SCRIPT's status; 124 after
# SECONDS (170; SCRIPT itself is ended 15 before), 125 if the machine died. Nothing a run does is kept: both disks are snapshots.
# Environment: LAB (/tmp/ushim-lab), VM_CPU (max), VM_MEM (4G), VM_APPEND (more for the kernel's command
# line), VM_ACCEL (tcg,thread=multi; kvm where there is one).
set -u
LAB=${LAB:-/tmp/ushim-lab}
limit=170 out='' vars=()
while getopts t:o:e: option; do
	case $option in t) limit=$OPTARG ;; o) out=$OPTARG ;; e) vars+=("$OPTARG") ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || { sed -n '/^# vm.sh/s/^# //p' "$0" >&2; exit 2; }
kernel=$LAB/kernel/$1 script=$2; shift 2
[ -e "$kernel/release" ] && [ -e "$LAB/root.img" ] || { echo "vm.sh: run image.sh first" >&2; exit 2; }
run=$(mktemp -d "$LAB/run.XXXXXX")
trap 'kill "${qemu:-}" "${tail:-}" 2>/dev/null; rm -rf "$run"' EXIT
mkdir "$run/job" && cp "$script" "$run/job/script"
for var in "${vars[@]}"; do printf 'export %s=%q\n' "${var%%=*}" "${var#*=}"; done >"$run/job/.vars"
echo "limit=$((limit - 15))" >>"$run/job/.vars"
for item; do cp -a "$item" "$run/job/"; done
tar cf "$run/job.tar" -C "$run/job" . && rm -rf "$run/job"
truncate -s %512 "$run/job.tar"
truncate -s 256M "$run/out.tar"
: >"$run/said"
drive() { printf 'file=%s,if=virtio,format=raw,%s' "$1" "$2"; }
machine() {
	if [ "${kernel##*/}" = uml ]; then # User-Mode Linux: one processor, user code at full speed
		TMPDIR=/dev/shm exec "$kernel/linux" mem="${VM_MEM:-4G}" root=/dev/ubda rw init=/lab/init \
			ubd0="$run/root.cow,$LAB/root.img" ubd1r="$run/job.tar" ubd2="$run/out.tar" ubd3="$run/disk.cow,$LAB/disk.img" \
			con=null con0=null,fd:2 ssl=null ssl1=null,fd:1 quiet ${VM_APPEND:-} > >(cat >>"$run/said") 2> >(cat >"$run/console") # pipes: it waits for room with epoll
	fi
	TMPDIR=$run exec qemu-system-x86_64 -accel "${VM_ACCEL:-tcg,thread=multi}" -cpu "${VM_CPU:-max}" -smp 2 -m "${VM_MEM:-4G}" \
	-nodefaults -no-user-config -display none -monitor none -no-reboot \
	-kernel "$kernel/vmlinuz" -initrd "$kernel/initrd.gz" \
	-append "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check nokaslr ${VM_APPEND:-}" \
	-drive "$(drive "$LAB/root.img" snapshot=on,cache=unsafe)" -drive "$(drive "$run/job.tar" readonly=on)" \
	-drive "$(drive "$run/out.tar" cache=unsafe)" -drive "$(drive "$LAB/disk.img" snapshot=on,cache=unsafe)" \
	-device virtio-rng-pci \
	-serial "file:$run/console" -serial "file:$run/said" >"$run/qemu" 2>&1
}
machine </dev/null &
qemu=$!
tail -f -n +1 --pid=$qemu "$run/said" & tail=$!
end=$((SECONDS + limit)) status=125
while kill -0 $qemu 2>/dev/null; do
	[ $SECONDS -lt $end ] || { status=124; kill $qemu; break; }
	sleep 0.3
done
wait $qemu 2>/dev/null; sleep 0.3; kill $tail 2>/dev/null; wait $tail 2>/dev/null
mkdir "$run/out" && tar xf "$run/out.tar" -C "$run/out" 2>/dev/null
[ $status = 124 ] || [ ! -s "$run/out/.status" ] || status=$(cat "$run/out/.status")
cp "$run/console" "$run/out/console"
[ ! -s "$run/qemu" ] || cat "$run/qemu" >&2
case $status in 124 | 125) echo "vm.sh: not done in time, or dead ($status); the console ends:" >&2; tail -n 15 "$run/console" >&2 ;; esac
[ -z "$out" ] || { mkdir -p "$out" && cp -a "$run/out/." "$out/"; }
exit "$status"
