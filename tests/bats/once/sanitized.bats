#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Programs with the whole library linked in and instrumented (tests/unit/inside.mk): what they do comes out
# as without it, and neither an address, nor undefined behaviour, nor a race is found on the way.
#
# USHIM_TEST_SANITIZED is how many random sequences (20).

load ../common

setup() {
    requires uring
    export ASAN_OPTIONS=detect_leaks=0 USHIM_FORCE=1
    cd "$BATS_TEST_TMPDIR" || return
}

# inside KIND PROGRAM: the path of a program with the library in it
inside() {
    INSIDE=$BUILD/unit-$1/inside/$2
    [ -x "$INSIDE" ] || skip "requires the $1 sanitizer"
}

# findings FILE: fails where a sanitizer wrote a report there
findings() {
    ! grep -qE 'Sanitizer|runtime error' "$1" || {
        head -40 "$1" >&2
        return 1
    }
}

# An ordinary user may have shut itself out of what it made.
grounds_end() {
    [ "$(id -u)" -eq 0 ] || chmod -R u+rwX plain shim
    rm -rf plain shim
}

# sequences KIND COUNT
sequences() {
    local seed
    inside "$1" sequence
    for ((seed = 1; seed <= $2; seed++)); do
        mkdir plain shim
        USHIM=off "$INSIDE" "$seed" "$PWD/plain" "$PWD/plain.said" || :
        "$INSIDE" "$seed" "$PWD/shim" "$PWD/shim.said" 2>errors || [ $? -eq 7 ]
        findings errors
        same plain.said shim.said
        grounds_end
    done
}

# proofs KIND
proofs() {
    local name needs
    inside "$1" proofs
    while read -r name needs; do
        [ "$needs" = - ] || continue
        mkdir plain shim
        "$PROG/proofs" plain "$name" >plain.out
        "$INSIDE" shim "$name" >shim.out 2>errors
        findings errors
        same plain.out shim.out
        grounds_end
    done < <("$PROG/proofs")
}

# reads KIND: files are read ahead and removed
reads() {
    local way status
    inside "$1" ahead-removed
    for way in unlink rename; do
        mkdir "$way" "$way.other"
        (cd "$way" && touch f{1..60})
        status=0
        "$INSIDE" "$way" "$way" >said 2>errors || status=$?
        [ "$status" -ne 77 ] || skip "requires a realtime priority"
        findings errors
    done
}

# listings KIND
listings() {
    local way
    inside "$1" ahead-listing
    mkdir d
    (cd d && seq -f 'file-%g' 900 | xargs touch)
    for way in walk copy names faults vfork shared position changes; do
        "$INSIDE" "$way" d >said 2>errors
        findings errors
    done
}

# groups KIND
groups() {
    local kind
    inside "$1" together-contract
    for kind in exec flock lease reopened posix directory holder place stream; do
        mkdir "$kind"
        "$INSIDE" "$kind" "$kind" >said 2>errors || :
        findings errors
    done
}

@test "Random sequences: as plain, and the address sanitizer finds nothing" {
    sequences asan "${USHIM_TEST_SANITIZED:-20}"
}

@test "Random sequences: as plain, and the thread sanitizer finds nothing" {
    sequences tsan "$((${USHIM_TEST_SANITIZED:-20} / 3))"
}

@test "Every errno of a proof: as plain, and the address sanitizer finds nothing" {
    proofs asan
}

@test "Directories read in awkward ways: the address sanitizer finds nothing" {
    listings asan
}

@test "Files read ahead and removed: the address sanitizer finds nothing" {
    reads asan
}

@test "Groups of fsyncs beside locks and leases: the address sanitizer finds nothing" {
    groups asan
}

@test "Groups of fsyncs beside locks and leases: the thread sanitizer finds nothing" {
    groups tsan
}
