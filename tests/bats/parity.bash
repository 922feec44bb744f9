# SPDX-License-Identifier: MIT
# Real programs, plain against shim.

load ../common
load ../tree

NOBODY=65534

# Every test file's setup_file: a tree all its tests may read, and the time before anything is made.
parity_setup_file() {
    export TREE=$BATS_FILE_TMPDIR/tree BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-120}
    SINCE=$(($(date +%s) - 2))
    export SINCE
    make_tree "$TREE"
}

# let_go DIRECTORY: so that an ordinary user can remove it. Only directories: files may have links.
let_go() {
    [ ! -d "$1" ] || find "$1" -type d ! -perm -u=rwx -exec chmod u+rwx {} +
}

# Every test's teardown.
parity_teardown() {
    let_go "$BATS_TEST_TMPDIR"
}

parity_teardown_file() {
    let_go "$TREE"
}

# The programs' environment is the same each time.
surroundings() {
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    export WORK TREE OTHER SMALL LC_ALL=C TZ=UTC HOME=$WORK TMPDIR=$WORK SOURCE_DATE_EPOCH=1000000000
}

# plain COMMAND [ARG...]
plain() {
    "$@"
}

# sheathed plain|shim COMMAND [ARG...]: fails where the library is not there, or there when it should not be
sheathed() {
    local side=$1 there=absent
    shift
    "$side" "${AS[@]}" grep -q libushim /proc/self/maps && there=present
    case $side-$there in
    plain-absent | shim-present) "$side" "${AS[@]}" "$@" ;;
    *) fail "$side, and the library is $there" || return 99 ;;
    esac
}

# run_side plain|shim: one run; what came of it is in $OUT/SIDE.*
run_side() {
    local status=0
    mkdir "$WORK"
    "${PREPARE:-:}"
    [ ${#AS[@]} -eq 0 ] || chown "$NOBODY" "$WORK"
    (
        cd "$WORK"
        surroundings
        sheathed "$1" bash -u "$OUT/script"
    ) >"$OUT/$1.out" 2>"$OUT/$1.err" </dev/null || status=$?
    sed -i -E 's/(script: line [0-9]+:) +[0-9]+ /\1 PID /' "$OUT/$1.err" # who was killed by a signal
    echo "$status" >"$OUT/$1.status"
    "$TREESUM" -n "$SINCE" "$WORK" >"$OUT/$1.tree"
    [ -z "${OTHER:-}" ] || "$TREESUM" -n "$SINCE" "$OTHER" >>"$OUT/$1.tree"
    "${AFTER:-:}"
    let_go "$WORK"
    rm -rf "$WORK"
}

# shellcheck disable=SC2016 # the script expands it
# parity: runs the script on standard input in an empty directory, plain and under the shim,
# everything it starts included: the same exit status, stdout, stderr and tree. The script goes on
# after a command that fails, and its status is on stdout. With PREPARE naming a function, that
# fills the directory first; with AS a command line, that runs it. $TREE is there to be read.
parity() {
    local what
    OUT=$BATS_TEST_TMPDIR
    WORK=$BATS_TEST_TMPDIR/work
    TREESUM=$BUILD/prog/treesum
    { echo 'trap '\''echo "line $LINENO: status $?"'\'' ERR' && cat; } >"$OUT/script"
    run_side plain
    if grep -E 'script: .*(command not found|syntax error|unbound variable|unexpected)|^Traceback' "$OUT/plain.err" >&2; then
        fail "the script itself is wrong"
    fi
    run_side shim
    for what in status err out tree; do
        same "$OUT/plain.$what" "$OUT/shim.$what" || {
            head -20 "$OUT/shim.err" >&2
            return 1
        }
    done
}

# parity_as_user: the same as an ordinary user, when we are root
parity_as_user() {
    local AS=()
    if [ "$(id -u)" -eq 0 ]; then
        let_everybody_in
        AS=(setpriv "--reuid=$NOBODY" "--regid=$NOBODY" --clear-groups)
    fi
    parity "$@"
}

# PREPARE=own_tree: a copy of the tree as t, to be changed
own_tree() {
    cp -a "$TREE" "$WORK/t"
}

AS=()
OTHER=
SMALL=
