#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C3, C5: what a program reads on its way (a configuration, a list of mounts, names of users) does not
# end private ground where it is the contents of a regular file, by whatever function.

load ../common

setup() {
    requires uring
    requires jq
    cd "$BATS_TEST_TMPDIR" || return
    : >source
    printf 'one\ntwo\n' >text
}

# acknowledged CASE: links made early behind that reading
acknowledged() {
    rm -rf D stats
    USHIM_MODE=auto USHIM_FORCE=1 USHIM_STATS=$PWD/stats LD_PRELOAD=$LIB "$PROG/private-reads" "$1" \
        >/dev/null || return
    [ "$(ls D | wc -l)" -eq 9 ] || return
    jq -s '[.[] | select(.program == "private-reads") | .ops.LINK.deferred // 0] | add' stats
}

# readings SORT: the cases in which not as many as expected were acknowledged
readings() {
    local sort name
    while read -r sort name; do
        [ "$sort" != "$1" ] || [ "$(acknowledged "$name")" = "$2" ] || echo "$name"
    done < <("$PROG/private-reads")
}

@test "C5: a directory stays private when regular files are read, by any function" {
    readings quiet 8 >wrong
    [ ! -s wrong ] || fail "not private any more behind $(tr '\n' ' ' <wrong)"
    [ "$("$PROG/private-reads" | grep -c quiet)" -ge 20 ]
}

@test "C5: it ends with input from a pipe, a program or /proc, and where stdout may be written out" {
    readings loud 0 >wrong # none of the eight
    [ ! -s wrong ] || fail "still private behind $(tr '\n' ' ' <wrong)"
}
