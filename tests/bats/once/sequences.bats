#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Random sequences of commands and questions (tests/prog/sequence.c): the same result for every
# single call, and the same tree left behind, as without the library.
#
# USHIM_TEST_SEEDS is how many (60), USHIM_TEST_SEED the first (1). USHIM_TEST_SLOWFS: options of
# slowfs that make a storage to try instead of the odd ones of tests/odd-storages, USHIM_TEST_SEEDS times
# (tests/random-odd does so).

load ../common
load ../slow

setup() {
    BACK=$BATS_TEST_TMPDIR
    BEHIND=$BACK # where what is left can be removed by whatever name
    chmod a+x "$BACK"
    SAID=$BATS_TEST_TMPDIR/said
    AS=() ODD='' WORDS=() SUM=(-n 1500000000) DELAY=100us
    mkdir -m 777 "$SAID"
    FIRST=${USHIM_TEST_SEED:-1}
    SEEDS=${USHIM_TEST_SEEDS:-60}
    ROUND=0
}

teardown() {
    leave_slow
}

# outcome SIDE SEED COMMAND...: what a run said and left is in the file SIDE. A mount may not show all
# that is there: it is looked at behind it.
outcome() {
    local side=$1 seed=$2 at=$1.$ROUND.$2.g status=0
    shift 2
    "$@" "${AS[@]}" "$PROG/sequence" "$seed" "$BACK/$at" "$SAID/$side" "${WORDS[@]}" \
        >"$SAID/$side.out" 2>&1 || status=$?
    {
        echo "status $status"
        cat_words <"$SAID/$side.out"
        "$PROG/treesum" "${SUM[@]}" "$BEHIND/$at"
    } >>"$SAID/$side" 2>&1
}

cat_words() {
    local line
    while IFS= read -r line || [ -n "$line" ]; do
        printf '%s\n' "$line"
    done
}

# same_outcome SEED COMMAND...
same_outcome() {
    local seed=$1
    shift
    umask 0 # an ordinary user writes there too
    : >"$SAID/plain"
    : >"$SAID/shim"
    umask 022
    outcome plain "$seed" plain
    outcome shim "$seed" "$@"
    cmp -s "$SAID/plain" "$SAID/shim"
}

# same_outcome_again SEED COMMAND...: storage that hears of a close some time later may do otherwise plainly
# too. There one time out of four is enough.
same_outcome_again() {
    local round=$ROUND try
    [[ " ${WORDS[*]} " == *" patient "* ]] || return
    for try in 1 2 3; do
        ROUND=$round.$try
        mkdir -m 777 "$BACK"/{plain,shim}."$ROUND.$1.g"
        same_outcome "$@" && break
    done
    ROUND=$round
    cmp -s "$SAID/plain" "$SAID/shim"
}

# sequence SEED COMMAND...: fails where COMMAND makes a difference
sequence() {
    same_outcome "$@" || same_outcome_again "$@" || {
        echo "# seed $1: rerun with USHIM_TEST_SEED=$1 USHIM_TEST_SEEDS=1 ${ODD:+USHIM_TEST_SLOWFS='$ODD'}"
        diff -U4 "$SAID/plain" "$SAID/shim" | cut -c 1-200 | head -32
        return 1
    } >&2
}

# grounds COUNT: an empty directory for each run of the round. They are made and removed together, for most of
# what a sequence takes is starting programs.
grounds() {
    local seed
    for ((seed = FIRST; seed < FIRST + $1; seed++)); do
        printf '%s\0' "$BACK"/{plain,shim}."$ROUND.$seed.g"
    done | xargs -0 mkdir -m 777
}

grounds_end() {
    # An ordinary user may have shut itself out.
    [ "$(id -u)" -eq 0 ] || chmod -R u+rwX "$BEHIND"/{plain,shim}.*
    rm -rf "$BEHIND"/{plain,shim}.*
}

# sequences COUNT COMMAND...: all seeds, though two may fail before we stop
sequences() {
    local count=$1 seed failed=0
    shift
    ROUND=$((ROUND + 1)) # the kernel may know names of the last one for some time
    grounds "$count"
    for ((seed = FIRST; seed < FIRST + count && failed < 2; seed++)); do
        sequence "$seed" "$@" || failed=$((failed + 1))
    done
    grounds_end
    [ "$failed" -eq 0 ]
}

# slowly [OPTION...]: from here on sequences are run on slow storage.
slowly() {
    requires fuse
    [ -x "$BUILD/slowfs" ] || skip "requires libfuse3"
    mkdir "$BATS_TEST_TMPDIR/back" "$BATS_TEST_TMPDIR/mnt"
    "$BUILD/slowfs" --delay="$DELAY" --xattr "$@" "$BATS_TEST_TMPDIR/back" "$BATS_TEST_TMPDIR/mnt"
    chmod 777 "$BATS_TEST_TMPDIR/mnt"
    BACK=$BATS_TEST_TMPDIR/mnt
    BEHIND=$BATS_TEST_TMPDIR/back
}

@test "C1, C2: the same result for every call of a random sequence, forced in auto" {
    sequences "$SEEDS" shim_in auto-forced
}

@test "C1, C2: the same result for every call of a random sequence, forced in strict" {
    sequences "$((SEEDS / 2 + 1))" shim_in strict-forced
}

@test "C1, C2: the same result for every call of a random sequence, as an ordinary user" {
    requires root
    let_everybody_in
    AS=(as_user)
    sequences "$((SEEDS / 4 + 1))" shim_in auto-forced
}

@test "C1, C2: the same result for every call of a random sequence, on slow storage" {
    slowly
    sequences "$((SEEDS / 10 + 1))" shim_in auto
    sequences "$((SEEDS / 20 + 1))" shim_in auto-forced
}

@test "C1, C2: the same result for every call of a random sequence, where files are refused one by one" {
    slowly --refuse='link:*[bdn13]:EXDEV' --refuse='link:*[c]:EMLINK' --refuse='link:*[6]:EPERM' \
        --refuse='rename:*[a2]:EXDEV' --refuse='mkdir:*[57]:EROFS' --refuse='symlink:*[48]:ENOSPC' \
        --refuse='unlink:*[34]:EROFS' --refuse='unlink:d:EPERM' --refuse='rmdir:s:EBUSY'
    sequences "$((SEEDS / 10 + 1))" shim_in auto
    sequences "$((SEEDS / 20 + 1))" shim_in auto-forced
}

@test "C1, C2: the same result for every call of a random sequence, where not every name can be" {
    slowly --name-max=143:255 --refuse='name:*[:?]*:EINVAL' --refuse='name:*[. ]:EINVAL' \
        --refuse='name:[cC][oO][nN]:EACCES' --refuse='name:[aA][uU][xX].*:EACCES' \
        --refuse='name:*~[0-9]*:EEXIST' --refuse='name:.snapshot:EEXIST' --refuse='name:*[! -~]*:EILSEQ' \
        --refuse='target:*c*:EPERM'
    sequences "$((SEEDS / 10 + 1))" shim_in auto
    sequences "$((SEEDS / 20 + 1))" shim_in auto-forced
}

@test "C1, C2: the same result for every call of a random sequence, where names are short" {
    slowly --name-max=70
    sequences "$((SEEDS / 20 + 1))" shim_in auto
    sequences "$((SEEDS / 20 + 1))" shim_in auto-forced
}

odd_storages() {
    grep -v '^#' "$ROOT/tests/odd-storages"
}

# compare_on OPTION...: what is no result on storage with these options
compare_on() {
    WORDS=() SUM=(-n 1500000000)
    case $* in *--changing*) WORDS+=(timeless) SUM=(-n 0) ;; esac
    case $* in *--changing=size*) WORDS+=(sizeless) SUM+=(-s) ;; esac
    case $* in *ghosts*) WORDS+=(ghosts) ;; esac
    case $* in *--silly*) WORDS+=(patient) ;; esac
}

# odd_sequences COUNT OPTION...: on storage with these options. It need not be slow, only odd.
odd_sequences() {
    local count=$1 status=0
    shift
    ODD=$*
    compare_on "$@"
    BACK=$BATS_TEST_TMPDIR
    DELAY=0 slowly "$@"
    sequences "$count" shim_in auto-forced || status=1
    leave_slow
    rm -rf "${BATS_TEST_TMPDIR:?}"/{back,mnt}
    return $status
}

@test "C1, C2: the same result for every call of a random sequence, on odd storage" {
    local -a options
    local failed=0 count=1
    # Below, bats cannot hear of a skip: what it listens on is the list of storages.
    requires fuse
    [ -x "$BUILD/slowfs" ] || skip "requires libfuse3"
    [ -z "${USHIM_TEST_SLOWFS:-}" ] || count=$SEEDS
    while read -r -a options <&3; do
        [ -n "${USHIM_TEST_SLOWFS:-}" ] || FIRST=$((FIRST + 1))
        odd_sequences "$count" "${options[@]}" || failed=$((failed + 1))
    done 3< <(if [ -n "${USHIM_TEST_SLOWFS:-}" ]; then echo "$USHIM_TEST_SLOWFS"; else odd_storages; fi)
    [ "$failed" -eq 0 ]
}
