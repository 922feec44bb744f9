# SPDX-License-Identifier: MIT
# What "make demo" says is so, on the tree it finds here.
load ../common

@test "demo: cp -al of a real tree is identical in off, auto and ring mode" {
    run -0 env BUILD="$BUILD" "$ROOT/tools/demo" 1
    [ "$(grep -cE '^(plain|off|auto|ring) .* identical ' <<<"$output")" -eq 4 ]
    [[ ! $output == *DIFFERENT* ]]
    files=$(sed -n 's/.*: \([0-9]*\) files,.*/\1/p' <<<"$output")
    [ "$files" -ge 5000 ]

    # In ring mode no linkat or mkdirat is a system call, and the ring did as many as plain cp;
    # of the questions one is repeated: whether the target is there (ENOENT).
    requires strace
    requires uring
    grep -qE '^linkat +([0-9]+) +0 +\1$' <<<"$output"
    grep -qE '^mkdirat +([0-9]+) +0 +\1$' <<<"$output"
    read -r plain system ring < <(sed -n 's/^newfstatat//p' <<<"$output")
    [ "$system" -le 1 ]
    [ "$plain" -eq $((system + ring)) ]
}

@test "demo: where io_uring is refused, it says why and the trees are identical" {
    run -0 "$PROG/refuse-uring" env BUILD="$BUILD" "$ROOT/tools/demo" 1
    [ "$(grep -c ' identical ' <<<"$output")" -eq 4 ]
    [[ $output == *"No ring was to be had here"* ]]
}

@test "demo: works as an ordinary user" {
    requires root
    as_user test -r "$BATS_TEST_TMPDIR" -a -x "$ROOT/tools/demo" ||
        skip "requires directories an ordinary user can read"
    mkdir "$BATS_TEST_TMPDIR/build"
    cp "$LIB" "$BATS_TEST_TMPDIR/build"
    chown -R 65534:65534 "$BATS_TEST_TMPDIR/build"
    as_user "$BUILD/prog/have-uring" || skip "requires io_uring for users"
    run -0 as_user env BUILD="$BATS_TEST_TMPDIR/build" "$ROOT/tools/demo" 1
    [ "$(grep -c ' identical ' <<<"$output")" -eq 4 ]
}
