# SPDX-License-Identifier: MIT
# What every bats file loads. Files in every-mode/ run once per mode, with USHIM_TEST_MODE set
# to off, auto, strict, auto-forced or strict-forced (asking ahead on any storage), crew (as auto-forced,
# by threads of the library's own), ring or refused (ring mode where io_uring is refused, by a filter
# that may be asked); files in once/ run
# once and choose modes themselves.

bats_require_minimum_version 1.5.0

ROOT=$(cd "${BATS_TEST_DIRNAME}/../../.." && pwd)
BUILD=${BUILD:-$ROOT/build}
case $BUILD in /*) ;; *) BUILD=$ROOT/$BUILD ;; esac
LIB=$BUILD/libushim.so

# Everything once more by one way alone: USHIM_TEST_BACKEND=crew tests/run FILE
[ -z "${USHIM_TEST_BACKEND-}" ] || export USHIM_BACKEND=$USHIM_TEST_BACKEND
# A sanitizer's run-time that has to come first (make asan); leaks are no matter of a process that ends.
if [ -s "$BUILD/preload-first" ]; then
    LIB=$(<"$BUILD/preload-first"):$LIB
    export ASAN_OPTIONS=detect_leaks=0
fi
PROG=$BUILD/prog
MODE=${USHIM_TEST_MODE:-auto}
# Where the tests themselves run under a seccomp filter (containers) the library would do nothing at all, and
# write no record of it. That filter may be asked.
if grep -q '^Seccomp:[[:space:]]*[12]' /proc/self/status; then
    export USHIM_SECCOMP=ask
fi

# shim COMMAND [ARG...]: runs it under the library in the mode of this run.
shim() {
    shim_in "$MODE" "$@"
}

# shim_in MODE COMMAND [ARG...]
shim_in() {
    local mode=$1
    shift
    case $mode in
    off) USHIM=0 LD_PRELOAD=$LIB "$@" ;;
    crew) USHIM_FORCE=1 USHIM_BACKEND=crew USHIM_MODE=auto LD_PRELOAD=$LIB "$@" ;;
    *-forced) USHIM_FORCE=1 USHIM_MODE=${mode%-forced} LD_PRELOAD=$LIB "$@" ;;
    refused) "$PROG/refuse-uring" env USHIM_SECCOMP=ask USHIM_MODE=ring LD_PRELOAD="$LIB" "$@" ;;
    *) USHIM_MODE=$mode LD_PRELOAD=$LIB "$@" ;;
    esac
}

# requires WHAT [WHY]: skips the test, naming the need, where this machine cannot run it.
requires() {
    case $1 in
    root) [ "$(id -u)" -eq 0 ] || skip "requires root" ;;
    user) [ "$(id -u)" -ne 0 ] || skip "requires an ordinary user" ;;
    fuse) [ -w /dev/fuse ] && [ "$(id -u)" -eq 0 ] || skip "requires /dev/fuse and root" ;;
    loop) [ "$(id -u)" -eq 0 ] && losetup -f >/dev/null 2>&1 || skip "requires loop devices and root" ;;
    uring) "$PROG/have-uring" || skip "requires io_uring" ;;
    *) command -v "$1" >/dev/null || skip "requires $1" ;;
    esac
}

# as_user COMMAND [ARG...]: as an ordinary user, when we are root.
as_user() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    else
        "$@"
    fi
}

# let_everybody_in [DIRECTORY]: copies the library and the tests' programs to a new
# DIRECTORY/build, for LIB and PROG, where an ordinary user cannot get at the clone. DIRECTORY
# is the test's temporary directory, or the file's in setup_file.
let_everybody_in() {
    [ "$(id -u)" -eq 0 ] || return 0
    local to=${1:-$BATS_TEST_TMPDIR} at
    at=$to
    while [[ $at == "$BATS_RUN_TMPDIR"* ]]; do
        chmod a+x "$at"
        at=${at%/*}
    done
    ! as_user test -r "${LIB##*:}" -a -x "$PROG/treesum" || return 0
    [ -d "$to/build" ] || {
        mkdir "$to/build"
        cp -r "${LIB##*:}" "$PROG" "$to/build"
        chmod -R a+rX "$to/build"
    }
    LIB=${LIB%"${LIB##*:}"}$to/build/libushim.so
    PROG=$to/build/prog
}

# unmounted DIRECTORY...: what is mounted there may be busy for a moment: a ring's workers end
# behind the back of their process, and a loop device lets go of its file when it comes to it.
unmounted() {
    local directory
    for directory in "$@"; do
        for _ in {1..100}; do
            mountpoint -q "$directory" || continue 2
            umount "$directory" 2>/dev/null && continue 2
            sleep 0.1
        done
        umount "$directory" || return
    done
}

# fail WORD...: fails the test and says so.
fail() {
    printf '%s\n' "$*" >&2
    return 1
}

# same EXPECTED ACTUAL: both files are byte-identical.
same() {
    cmp -s "$1" "$2" || {
        diff -u "$1" "$2" | head -40 >&2
        fail "$1 and $2 differ"
    }
}
