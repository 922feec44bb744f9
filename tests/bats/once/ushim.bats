# SPDX-License-Identifier: MIT
# The launcher and the tools around it: what they run, and that nobody can tell the difference.
load ../common

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    LAUNCHER=$ROOT/tools/ushim
    [ "$BUILD" = "$ROOT/build" ] || skip "requires the default build directory"
}

# environment_of ARG...: what ushim ARG... gives its command.
environment_of() {
    env -u USHIM_SECCOMP "$LAUNCHER" ${1+"$@"} env | grep -E '^(LD_PRELOAD|USHIM)' | grep -v ^USHIM_TEST
}

@test "ushim: the command is preloaded, and an LD_PRELOAD that was there stays, behind ours" {
    requires eatmydata
    [ "$(environment_of)" = "LD_PRELOAD=$LIB" ]
    LD_PRELOAD=libeatmydata.so run -0 environment_of
    [ "$output" = "LD_PRELOAD=$LIB:libeatmydata.so" ]
}

@test "ushim: options become variables" {
    run -0 environment_of --mode=ring --depth=7 --stats=s
    [ "$(sort <<<"$output")" = "$(printf '%s\n' "LD_PRELOAD=$LIB" USHIM=on USHIM_DEPTH=7 \
        USHIM_MODE=ring "USHIM_STATS=$PWD/s" | sort)" ]
    run -0 environment_of --off
    [[ $output == *USHIM=off* ]]
}

@test "ushim: -- ends the options, and arguments arrive as they were" {
    run -0 "$LAUNCHER" -- printf '<%s>' --mode=ring 'a b' '' '*'
    [ "$output" = '<--mode=ring><a b><><*>' ]
    run -0 "$LAUNCHER" printf '<%s>' --help
    [ "$output" = '<--help>' ]
}

@test "ushim: its own mistakes are status 125, with a line that says what" {
    local wrong
    for wrong in --mode=fast --depth=x --nonsense --stats=; do
        run -125 "$LAUNCHER" "$wrong" true
        [ -n "$output" ]
    done
    run -125 "$LAUNCHER"
}

@test "ushim: the exit status is the command's, with and without a summary" {
    local summary
    for summary in --mode=auto --summary; do
        run -0 "$LAUNCHER" $summary true
        run -42 "$LAUNCHER" $summary sh -c 'exit 42'
        run -127 "$LAUNCHER" $summary ./no-such-command
        : >not-executable
        run -126 "$LAUNCHER" $summary ./not-executable
    done
}

@test "ushim: a command that dies of a signal is seen to die of it, summary or not" {
    requires python3
    local summary
    for summary in --mode=auto --summary; do
        run -0 python3 -c 'import subprocess, sys
print(subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL).returncode)' \
            "$LAUNCHER" $summary sh -c 'kill -USR1 $$'
        [ "$output" = -10 ]
    done
}

@test "ushim: --summary passes signals on and waits for what the command makes of them" {
    local pid status=0
    printf '%s\n' 'trap "echo told; exit 5" TERM' ': >ready' 'while :; do sleep 0.05; done' >script
    "$LAUNCHER" --summary sh script >output 2>summary 3>&- &
    pid=$!
    until [ -e ready ]; do sleep 0.05; done
    kill -TERM "$pid"
    wait "$pid" || status=$?
    [ "$status" -eq 5 ]
    [ "$(cat output)" = told ]
}

@test "ushim: --summary leaves stdin, stdout, signals and descriptors as they were" {
    cat >script <<'SH'
cat
grep -E '^(SigIgn|SigBlk)' /proc/self/status
ls /proc/$$/fd
SH
    sh script <script >plain 2>/dev/null 3>&- 9>&1
    "$LAUNCHER" --off --summary sh script <script >shim 2>/dev/null 3>&- 9>&1
    same plain shim
}

@test "ushim: --summary is about this run, on stderr, and adds to the file of --stats" {
    echo '{"program":"old","pid":1,"mode":"ring","end":"exit","rings":9,"ops":{}}' >s
    mkdir tmp
    TMPDIR=$PWD/tmp "$LAUNCHER" --mode=ring --stats=s --summary stat . >output 2>summary
    grep -q '^1 process (ring 1)' summary
    grep -q '^  File: \.' output
    [ "$(wc -l <s)" -eq 2 ]
    [ -z "$(ls tmp)" ]
}

@test "ushim: installed, it finds its library, and uninstall takes all of it away" {
    make -s -C "$ROOT" install PREFIX="$PWD/usr" BUILD="$BUILD" >/dev/null
    [ "$(usr/bin/ushim --version)" = "ushim $(sed -n 's/^VERSION := //p' "$ROOT/Makefile")" ]
    [ "$(usr/bin/ushim sh -c 'echo $LD_PRELOAD')" = "$PWD/usr/lib/libushim.so" ]
    usr/bin/ushim --summary true
    run ! grep -r '@[A-Z]*@' usr/bin
    make -s -C "$ROOT" uninstall PREFIX="$PWD/usr" BUILD="$BUILD" >/dev/null
    run find usr -type f
    [ -z "$output" ] || fail "left: $output"
}

@test "ushim: DESTDIR goes in front of every file and into none" {
    make -s -C "$ROOT" install DESTDIR="$PWD/stage" PREFIX=/opt/x BUILD="$BUILD" >/dev/null
    [ -z "$(find stage -type f -not -path 'stage/opt/x/*')" ]
    run ! grep -r "$PWD/stage" stage/opt/x/bin
    grep -q "^libdir='/opt/x/lib'" stage/opt/x/bin/ushim
}

@test "ushim: found through a symbolic link, from anywhere" {
    ln -s "$LAUNCHER" here
    [ "$(cd / && "$BATS_TEST_TMPDIR/here" sh -c 'echo $LD_PRELOAD')" = "$LIB" ]
}

@test "ushim-stat: sums what the records say, and names the reasons" {
    cat >s <<'JSON'
{"program":"a","pid":1,"mode":"ring","end":"exit","rings":1,"enters":5,"peak":3,"ring_error":0,"ops":{"STAT":{"calls":7,"ring":4,"target":3},"OPEN":{"calls":1,"ring":1}}}
{"program":"b","pid":2,"mode":"auto","end":"exec","rings":0,"enters":0,"peak":4,"ring_error":-12,"ops":{"STAT":{"calls":3,"answered":1,"plain":2}}}
broken
JSON
    run -0 "$ROOT/tools/ushim-stat" s
    [[ ${lines[0]} == "2 processes ("*"1 rings, 5 enters, 4 peak, no ring for errno 12: 1" ]] || fail "${lines[0]}"
    [[ $output =~ STAT\ +10\ +4\ +1\ +5\ +target\ 3\ plain\ 2 ]]
    [[ $output =~ all\ +11\ +5\ +1\ +5 ]]
    [[ $output == *"1 lines were no records"* ]]
    run -0 "$ROOT/tools/ushim-stat" --program=b s
    [[ $output =~ all\ +3\ +0\ +1\ +2 ]]
    run -1 "$ROOT/tools/ushim-stat" nowhere
}

@test "ushim-stat: agrees with the records the library writes" {
    requires jq
    "$LAUNCHER" --mode=ring --stats="$PWD/s" ls -lR /etc >/dev/null 2>&1 || :
    run -0 "$ROOT/tools/ushim-stat" s
    [[ $output =~ all\ +([0-9]+)\ +([0-9]+)\  ]]
    [ "${BASH_REMATCH[1]}" -eq "$(jq -s '[.[].ops[].calls] | add' s)" ]
    [ "${BASH_REMATCH[2]}" -eq "$(jq -s '[.[].ops[].ring // 0] | add' s)" ]
}

@test "ushim-ab: alternates, and prints a row for each side" {
    run -0 "$ROOT/tools/ushim-ab" --runs=3 --mode=off --mode=auto \
        -- sh -c 'echo "${LD_PRELOAD:+shim}${USHIM:-}" >>log'
    [ "${#lines[@]}" -eq 4 ]
    [ "$(sort log | uniq -c | tr -s ' \n' ' ')" = " 4 4 shimoff 4 shimon " ]
    [ "$(tail -n 3 log | tr '\n' ' ')" = " shimoff shimon " ]
    run -1 "$ROOT/tools/ushim-ab" --runs=3 -- sh -c 'exit $(wc -l <log; echo >>log)'
}

@test "ushim-doctor: says yes where a ring can be had" {
    requires uring
    [ "$(sed -n 's/^Seccomp:\t//p' /proc/self/status)" = 0 ] || skip "requires no seccomp filter"
    run -0 "$ROOT/tools/ushim-doctor"
    [[ $output == *"calls went through"* ]]
}

@test "ushim-doctor: says no, and why, where a filter is in force" {
    unset USHIM_SECCOMP
    run -1 "$PROG/refuse-uring" "$ROOT/tools/ushim-doctor"
    [[ $output == *"NO    seccomp"* ]]
}

@test "ushim-doctor: says that threads do where a ring is refused" {
    USHIM_SECCOMP=ask run -0 "$PROG/refuse-uring" "$ROOT/tools/ushim-doctor"
    [[ $output == *"NO    ring"* ]]
    [[ $output == *"ok    crew"* ]]
    [[ $output != *"as they would without"* ]]
}
