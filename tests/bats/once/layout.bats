# SPDX-License-Identifier: MIT
# The rules of the source itself, and that the scripts that check them can fail.
load ../common

setup() {
    cd "$ROOT" || return
}

# a_library FILE SOURCE-LINE...: a shared library to find fault with.
a_library() {
    local file=$1
    shift
    printf '%s\n' "$@" | cc -shared -fPIC -x c -o "$file" - -Wl,-z,now
}

# a_build LINE...: a build directory whose shim/bad.o has that code.
a_build() {
    mkdir -p "$BATS_TEST_TMPDIR/build/shim"
    mkdir -p "$BATS_TEST_TMPDIR/src"
    printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/src/bad.c"
    cc -fPIC -fvisibility=hidden -c -o "$BATS_TEST_TMPDIR/build/shim/bad.o" "$BATS_TEST_TMPDIR/src/bad.c"
}

@test "layout: every module keeps to its restriction" {
    requires nm
    tests/lint/layers.sh "$BUILD"
}

@test "layout: the exports are the rows of ops.def, and the library is a sane ELF object" {
    requires readelf
    tests/lint/exports.sh "$LIB"
}

@test "layout: dlsym, the heap, stdio, the environment and exports out of place are found" {
    requires nm
    a_build '#include <stdio.h>' '#include <stdlib.h>' 'void *dlsym(void *, const char *);' \
        '__attribute__((visibility("default"))) void shown(void *p)' \
        '{ dlsym(p, getenv("X")); free(p); printf("%s", (char *)p); }'
    run ! tests/lint/layers.sh "$BATS_TEST_TMPDIR/build" "$BATS_TEST_TMPDIR/src"
    for word in dlsym getenv free printf shown; do
        [[ $output == *$word* ]] || fail "$word was not found"
    done
}

# an_object ROOM/FILE LINE...
an_object() {
    mkdir -p "$BATS_TEST_TMPDIR/build/shim/${1%/*}"
    printf '%s\n' "${@:2}" |
        cc -fPIC -fvisibility=hidden -x c -c -o "$BATS_TEST_TMPDIR/build/shim/$1.o" -
}

@test "layout: a call to a higher floor, between siblings, and a circle are found" {
    requires nm
    mkdir "$BATS_TEST_TMPDIR/none"
    an_object base/low 'void high(void); void low(void) { high(); }'
    an_object dispatch/high 'void high(void) { }'
    an_object together/one 'void other(void); void one(void) { other(); }'
    an_object ahead/other 'void other(void) { }'
    an_object walk/left 'void right(void); void left(void) { right(); }'
    an_object walk/right 'void left(void); void right(void) { left(); }'
    run ! tests/lint/layers.sh "$BATS_TEST_TMPDIR/build" "$BATS_TEST_TMPDIR/none"
    for line in 'base/low calls up, high of' 'together/one calls up, other of' 'a circle: walk/left' 'a circle: walk/right'; do
        [[ $output == *"$line"* ]] || fail "not found: $line"
    done
}

@test "layout: threads of our own that use libc or a thread's storage are found" {
    requires nm
    tests/lint/threads.sh "$BUILD"
    local way='__attribute__((section(".text.crew"), noinline))'
    for place in a b c d; do
        an_object "backend/crew/$place" "$way int own_$place(void) { return 0; }"
    done
    an_object over/puts 'int puts(const char *text) { return !text; }'
    tests/lint/threads.sh "$BATS_TEST_TMPDIR/build"
    an_object backend/crew/a 'int puts(const char *);' "$way int own_a(void) { return puts(\"\"); }"
    an_object backend/crew/b 'extern __thread int here;' "$way int own_b(void) { return here; }"
    run ! tests/lint/threads.sh "$BATS_TEST_TMPDIR/build"
    [[ $output == *"refers to puts"* ]] || fail "$output"
    [[ $output == *"a thread's storage"* || $output == *__tls_get_addr* ]] || fail "$output"
}

# compiles FILE: of the copy of the sources in $BATS_TEST_TMPDIR
compiles() {
    (cd "$BATS_TEST_TMPDIR" && cc -std=gnu11 -D_GNU_SOURCE -U_FORTIFY_SOURCE -Iinclude -Ishim -Werror \
        -fvisibility=hidden -c -o "$BATS_TEST_TMPDIR/planted.o" "$1")
}

@test "layout: an operation without a family, a family without behaviour, an opcode without a body do not compile" {
    requires nm
    cp -r include shim "$BATS_TEST_TMPDIR"
    cd "$BATS_TEST_TMPDIR"
    compiles shim/table/table.c
    sed -i 's/^OP(STAT, .*/&\nOP(PLANTED, PLANTED, NONE)\n    SYM(planted, PLANTED)/' include/ushim/ops.def
    run ! compiles shim/table/table.c
    [[ $output == *FAMILY_PLANTED* ]]
    sed -i 's/^FAMILY(STAT_PATH,.*/&\nFAMILY(PLANTED, QUESTION, NAME, OTHER, ASK, NOTHING, NONE, NONE, NONE)/' shim/table/families.def
    run ! compiles shim/table/table.c
    sed -i 's/^FAMILY(PLANTED,.*/FAMILY(PLANTED, QUESTION, NAME, OTHER, NOWHERE, NOTHING, NONE, NONE, NONE, 0)/' shim/table/families.def
    run ! compiles shim/table/fence.c
    [[ $output == *FENCE_NOWHERE* ]]
    sed -i '/^FAMILY(PLANTED,/s/NOWHERE/ASK/' shim/table/families.def
    for file in table/table table/fence ahead/kind together/void dispatch/watch call/leave call/filestream over/marshal; do
        compiles "shim/$file.c"
    done
    nm planted.o >/dev/null
    sed -i 's/^OP(PLANTED, PLANTED, NONE)/OP(PLANTED, PLANTED, STATX)/' include/ushim/ops.def
    compiles shim/over/marshal.c
    nm -u planted.o | grep -q over_PLANTED # which nobody has
}

@test "layout: an include out of place is found" {
    mkdir "$BATS_TEST_TMPDIR/src"
    echo '#include <liburing.h>' >"$BATS_TEST_TMPDIR/src/engine.c"
    run ! tests/lint/layers.sh "$BUILD" "$BATS_TEST_TMPDIR/src"
    [[ $output == *engine.c* ]]
}

@test "layout: a missing, a strange and a needed symbol are found" {
    requires readelf
    a_library "$BATS_TEST_TMPDIR/bad.so" 'int open(void) { return 0; }' 'int odd;' \
        'void qsort(void); void strange(void) { qsort(); }'
    run ! tests/lint/exports.sh "$BATS_TEST_TMPDIR/bad.so"
    for line in '< linkat' '> strange' 'needs qsort'; do
        [[ $output == *"$line"* ]] || fail "not found: $line"
    done
}
