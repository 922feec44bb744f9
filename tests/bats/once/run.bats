# SPDX-License-Identifier: MIT
# The runner of the tests: what it counts and what it calls a failure.
load ../common

setup() {
    mkdir -p "$BATS_TEST_TMPDIR/once" "$BATS_TEST_TMPDIR/every-mode"
    cd "$BATS_TEST_TMPDIR" || return
}

# run_tests FILE...: as tests/run, out of this bats' own environment. PATIENCE seconds a file.
run_tests() {
    env -i PATH="${PATH#*/bats-core:}" HOME="$HOME" CI=true BUILD="$BATS_TEST_TMPDIR" \
        USHIM_TEST_PATIENCE="${PATIENCE:-300}" "$ROOT/tests/run" "$@"
}

closing_line_is() {
    [ "${lines[-1]}" = "$1" ] || fail "closing line: ${lines[-1]}"
}

@test "runner: a file of every-mode runs in eight modes, and skips are named and not passes" {
    printf '%s\n' '@test "in its mode" {' '[ "$USHIM_TEST_MODE" != ring ] || skip "no (ring)"' '}' \
        >every-mode/a.bats
    run -0 run_tests every-mode/a.bats
    closing_line_is "7 passed, 0 failed, 1 skipped"
    [[ $output == *"in its mode [ring]: no (ring)"* ]]
}

@test "runner: a failed test fails the run and shows what it said" {
    printf '%s\n' '@test "good" {' true '}' '@test "bad" {' 'echo because; false' '}' >once/a.bats
    run -1 run_tests once/a.bats
    closing_line_is "1 passed, 1 failed, 0 skipped"
    [[ $output == *"# because"* ]]
}

@test "runner: tests a crashed bats did not come to have failed" {
    printf '%s\n' '@test "good" {' true '}' '@test "crash" {' 'kill -9 $PPID $$' '}' \
        '@test "never" {' true '}' >once/a.bats
    run -1 run_tests once/a.bats
    closing_line_is "1 passed, 2 failed, 0 skipped"
}

@test "runner: a file that is no test fails" {
    echo 'if (' >once/a.bats
    run -1 run_tests once/a.bats
    [[ ${lines[-1]} != *" 0 failed"* ]]
}

@test "runner: a test that hangs fails, and nothing of it stays" {
    printf '%s\n' '@test "hangs" {' 'echo $$ >'"$BATS_TEST_TMPDIR/pid" 'sleep 300' '}' >once/a.bats
    PATIENCE=5 run -1 run_tests once/a.bats
    closing_line_is "0 passed, 1 failed, 0 skipped"
    # Killed is enough: who reaps it, and when, is the machine's affair.
    sed -n '/^State:/p' "/proc/$(cat pid)/status" >state 2>/dev/null || return 0
    grep Z state
}

@test "runner: a mount left behind fails the file, and is taken away" {
    requires root
    printf '%s\n' '@test "mounts" {' 'mount -t tmpfs left "$TMPDIR"' '}' >once/a.bats
    run -1 run_tests once/a.bats
    [[ $output == *"left mounted"* ]]
    ! grep "^left $BATS_TEST_TMPDIR" /proc/self/mounts
}

@test "runner: a unit program is one test, or speaks TAP; 77 is a skip" {
    mkdir unit
    printf '%s\n' '#!/bin/sh' 'exit 0' >unit/good
    printf '%s\n' '#!/bin/sh' 'exit 3' >unit/bad
    printf '%s\n' '#!/bin/sh' 'echo no ring; exit 77' >unit/skipped
    printf '%s\n' '#!/bin/sh' 'echo 1..2; echo ok 1 a; echo not ok 2 b; exit 1' >unit/tap
    chmod +x unit/*
    run -1 run_tests "$PWD"/unit/*
    closing_line_is "2 passed, 2 failed, 1 skipped"
    [[ $output == *"skipped [once]: no ring"* ]]
}

@test "runner: files marked alone run when nothing else does" {
    local note=$BATS_TEST_TMPDIR/note i
    for i in 1 2; do
        printf '%s\n' '@test "x" {' "echo begin >>$note; sleep 0.2; echo end >>$note" '}' >once/$i.bats
        sed '1i # alone' once/$i.bats >once/alone$i.bats
    done
    run -0 run_tests once/alone1.bats once/1.bats once/2.bats once/alone2.bats
    closing_line_is "4 passed, 0 failed, 0 skipped"
    [ "$(tail -n 4 note | tr '\n' ' ')" = "begin end begin end " ]
}
