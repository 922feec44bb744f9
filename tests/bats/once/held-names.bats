#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C4: a name that the storage cannot hold is refused at its call, whatever was acknowledged before:
# too long, of letters it does not take, or one that Windows keeps for itself.

load ../common
load ../slow

KINDS=(link symlink mkdir rename)

setup() {
    requires_slow
    cd "$BATS_TEST_TMPDIR" || return
    RECORD=$BATS_TEST_TMPDIR/record
    touch back/source
    OPTIONS=()
}

teardown() {
    leave_slow
    cd /
}

# both COMMAND...: what it says and leaves is the same, plain and in auto, and some was acknowledged
both() {
    local side status
    rm -f "$RECORD"
    for side in plain auto; do
        status=0
        enter_slow --delay=1500us "${OPTIONS[@]}"
        "$side" "$@" >"../$side" 2>&1 || status=$?
        leave_slow
        sort -o "$side" "$side" # inode numbers, and so cp's and rm's order, are not the same twice
        { echo "status $status" && (cd back && find . -printf '%p %y %n\n' | LC_ALL=C sort); } >>"$side"
        rm -rf back/t
    done
    same plain auto
    grep -q '"deferred":' "$RECORD" || fail "nothing was acknowledged"
}

# letters COUNT: a name of so many
letters() {
    printf 'x%.0s' $(seq "$1")
}

@test "C4: names longer than the file system's are refused at their call" {
    local kind
    # It says so, or it says what most do.
    for limit in 143 143:255 90:255; do
        OPTIONS=("--name-max=$limit")
        for kind in "${KINDS[@]}"; do
            both "$PROG/make-names" "$kind" source t "$(letters 60)" "$(letters 80)" "$(letters 90)" \
                "$(letters 140)" "$(letters 144)" "$(letters 200)" "$(letters 255)" last
            [ "$(grep -c ENAMETOOLONG auto)" -ge 3 ]
        done
    done
}

@test "C4: a copy of a tree tells which names were too long" {
    local directory
    OPTIONS=(--name-max=143)
    for directory in 1 2 3; do
        mkdir -p "back/s/$directory"
        touch "back/s/$directory"/{f{1..20},"$(letters 144)","$(letters 180)","$(letters 255)"}
    done
    # Where a long name comes first, what cp says of it ends the ground: in this one nothing is said.
    mkdir back/s/4
    touch back/s/4/f{1..20}
    both cp -al s t
    [ "$(grep -c '^cp: .*File name too long' auto)" -eq 9 ]
}

@test "C4: letters the storage does not take are refused at their call" {
    local kind
    OPTIONS=('--refuse=name:*[:?*<>|"\\]*:EINVAL' "--refuse=name:*[! -~]*:EILSEQ")
    for kind in "${KINDS[@]}"; do
        both "$PROG/make-names" "$kind" source t a:1 'b?' 'c*' 'd<' 'e|' 'f"' 'g\' a:2 $'h\x01' \
            $'\xc3\xa4' $'\xff' last
        [ "$(grep -c ': EINVAL$' auto)" -eq 8 ]
        [ "$(grep -c ': EILSEQ$' auto)" -eq 3 ]
    done
}

@test "C4: names that Windows drops the end of, or keeps for devices, are refused at their call" {
    local kind
    OPTIONS=('--refuse=name:*[. ]:EINVAL' '--refuse=name:[nN][uU][lL]:EACCES'
        '--refuse=name:[cC][oO][mM]1*:EACCES' '--refuse=name:[aA][uU][xX].*:EACCES'
        '--refuse=name:*~[0-9]*:EEXIST' '--refuse=name:.snapshot:EEXIST')
    for kind in "${KINDS[@]}"; do
        both "$PROG/make-names" "$kind" source t 'in the middle' end. 'end ' 'another ' nul NUL \
            Com1.txt aux.h progra~1 .snapshot auxiliary last
        [ "$(grep -c ': EINVAL$' auto)" -eq 3 ]
        [ "$(grep -c ': EACCES$' auto)" -eq 4 ]
        [ "$(grep -c ': EEXIST$' auto)" -eq 2 ]
    done
}

@test "C4: what a symbolic link may not say is refused at its call" {
    OPTIONS=('--refuse=target:*[:?]*:EINVAL' '--refuse=target:/abs*:EPERM' "--refuse=target:*[! -~]*:EILSEQ"
        "--refuse=target:$(letters 100)*:ENAMETOOLONG")
    both "$PROG/make-names" target source t a/b c:d e/f 'g?' ../h /absolute $'\xc3\xa4' i/j/k \
        "$(letters 90)" "$(letters 110)" "$(letters 200)" last
    [ "$(grep -c ': EINVAL$' auto)" -eq 2 ]
    [ "$(grep -c ': E' auto)" -eq 6 ]
}

@test "a letter that went well once is acknowledged from then on" {
    requires jq
    local i names=()
    for i in {1..20}; do names+=("a b:$i"); done
    both "$PROG/make-names" link source t "${names[@]}"
    # Of 32 the first, the first of the odd ones, and no more.
    [ "$(jq '.ops.LINK.deferred' "$RECORD")" -eq 30 ]
}
