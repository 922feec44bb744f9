# SPDX-License-Identifier: MIT
# That the forced modes, in which the files of every-mode run as well, do ask on local storage.
load ../common

setup() {
    requires uring
    requires jq
    cd "$BATS_TEST_TMPDIR" || return
    mkdir tree
    touch tree/{1..200}
    export USHIM_STATS=$PWD/stats
}

# total MODE KEY: over all records of ls -l and of cp -al of the tree
total() {
    rm -rf stats copy
    shim_in "$1" ls -l tree >/dev/null
    shim_in "$1" cp -al tree copy
    jq -s "[.[].$2] | add" stats
}

@test "forced: auto asks ahead and serves answers, strict asks and serves none" {
    [ "$(total auto-forced asked)" -gt 200 ]
    [ "$(total auto-forced 'ops[].answered')" -gt 100 ]
    [ "$(total strict-forced asked)" -gt 200 ]
    [ "$(total strict-forced 'ops[].answered')" = null ]
    [ "$(total strict-forced 'ops[].warmed')" -gt 100 ]
}

@test "forced: without it nothing is asked in off mode, and nothing ahead in ring mode" {
    [ "$(total ring asked)" -eq 0 ]
    USHIM_FORCE=1 shim_in off ls -l tree >/dev/null
    [ "$(wc -l <stats)" -eq 2 ]
}
