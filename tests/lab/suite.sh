# SPDX-License-Identifier: MIT
# In the machine.
# shellcheck shell=bash disable=SC2154,SC2086
#
# suite.sh: for vm.sh. The project's own tests/run on the kernel booted, on local ext4 (fresh), and
# first: does the ring come up, and with which flags? Beside it: clone.tar, the project's directory
# with its build in (make all progs unit slowfs), called libushim inside:
#   tar cf clone.tar --exclude=.git --exclude=build/shim --exclude='build/unit-*' libushim
#   vm.sh -e 'TESTS=unit once/fences every-mode/matrix' -e MODES=auto,ring 6.1 suite.sh clone.tar
# TESTS: "unit", "unit/NAME", or files of tests/bats without .bats; MODES: as of tests/run -m. One file that takes
# longer than PATIENCE (60) seconds counts as failed: an emulated CPU is 10 to 20 times slower.
cd "$DISK" && tar xf /job/clone.tar && cd libushim || exit 2
chmod 1777 "$DISK"; mkdir -p "$DISK/tmp"; chmod 1777 "$DISK/tmp"
export USHIM_DEPS=0 TMPDIR=$DISK/tmp USHIM_TEST_PATIENCE=${PATIENCE:-60}
modprobe -a fuse loop xfs btrfs overlay 2>/dev/null
useradd -m tester 2>/dev/null
echo "# $(uname -r): the ring"
mkdir -p $DISK/w/{1,2,3} && touch $DISK/w/{1,2,3}/{a,b,c,d,e,f}
(cd $DISK/w && strace -f -e trace=io_uring_setup env LD_PRELOAD=$DISK/libushim/build/libushim.so USHIM_MODE=ring cp -al 1 4) 2>&1 | grep -a io_uring
(cd $DISK/w && strace -c -f -e trace=io_uring_enter,io_uring_register,statx,linkat env LD_PRELOAD=$DISK/libushim/build/libushim.so USHIM_MODE=ring cp -al 1 5) 2>&1 | grep -a -E 'io_uring|linkat|statx'
[ -n "${DOCTOR-}" ] && tools/ushim-doctor
for t in ${TESTS:-unit}; do
	case $t in unit/*) files+=("build/$t") ;; unit) for u in build/unit/*; do [ -f "$u" ] && [ -x "$u" ] && files+=("$u"); done ;; *) files+=("tests/bats/$t.bats") ;; esac
done
tests/run -j "${LANES:-2}" -m "${MODES:-auto,ring}" "${files[@]}" 2>&1 | tee "$OUT/suite.log"
rc=${PIPESTATUS[0]}
dmesg | grep -a -E 'WARNING|BUG:|Oops|hung_task|stall|Call Trace|segfault' | tail -15
exit "$rc"
