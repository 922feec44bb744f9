# SPDX-License-Identifier: MIT
# slowfs as storage that renames what is removed while it is open, and as one whose opens keep the cache.

load ../common
load ../slow

setup() {
    requires_slow
}

teardown() {
    leave_slow
}

@test "slowfs: a name removed while its file is open stays by another until it is closed" {
    mkdir "$BATS_TEST_TMPDIR/back/d" "$BATS_TEST_TMPDIR/back/d.other"
    echo text >"$BATS_TEST_TMPDIR/back/d/f"
    enter_slow --silly
    exec 9<d/f
    rm d/f
    [ ! -e d/f ]
    compgen -G "$BATS_TEST_TMPDIR/back/d/.fuse_hidden*"
    run ! rmdir d
    [ "$(cat <&9)" = text ]
    exec 9<&-
    for _ in {1..100}; do
        [ -n "$(ls -A "$BATS_TEST_TMPDIR/back/d")" ] || break
        sleep 0.05
    done
    rmdir d
}

@test "slowfs: what was read once is read no more where an open keeps the cache" {
    seq 100 >"$BATS_TEST_TMPDIR/back/f"
    enter_slow --keep-cache --log="$BATS_TEST_TMPDIR/log"
    cat f f f >/dev/null
    [ "$(awk '$3 == "read"' "$BATS_TEST_TMPDIR/log" | wc -l)" -eq 1 ]
    leave_slow
    enter_slow --log="$BATS_TEST_TMPDIR/log2"
    cat f f f >/dev/null
    [ "$(awk '$3 == "read"' "$BATS_TEST_TMPDIR/log2" | wc -l)" -gt 1 ]
}
