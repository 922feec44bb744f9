# SPDX-License-Identifier: MIT
# A small tree with one of everything a real one has, for programs to be run on.

# touch_all SECONDS NAME...: mtimes with nanoseconds, of symlinks too
touch_all() {
    local when=$1
    shift
    touch -h -d "@$when" -- "$@"
}

tree_files() {
    local i
    mkdir -p many empty src/lib 'odd names' sparse
    for i in {1..40}; do
        printf '%0*d\n' $((i * 97 % 700 + 1)) "$i" >"many/file$i"
    done
    for i in {1..12}; do
        printf '#include "unit%d.h"\nint unit%d(void)\n{\n\treturn %d;\n}\n' "$i" "$i" "$i" >"src/unit$i.c"
        printf 'int unit%d(void);\n' "$i" >"src/lib/unit$i.h"
    done
    seq 1 30000 >big
    : >zero
    truncate -s 3M sparse/hole
    printf middle | dd of=sparse/hole bs=1 seek=1500000 conv=notrunc status=none
    truncate -s 1M sparse/nothing
}

tree_odd_names() {
    local name
    for name in $'new\nline' $'tab\there' $'\xff\xfe\x80bytes' 'two  spaces' '-dash' '*star?' \
        "quote'\"" 'back\slash' 'ümläut' '...' "$(printf '%0255d' 7)"; do
        printf '%s' "$name" >"odd names/$name"
    done
}

tree_deep() {
    local i path=deep
    for i in {1..30}; do
        path+=/level$i
    done
    mkdir -p "$path"
    printf bottom >"$path/file"
    printf half >deep/level1/level2/level3/file
}

tree_links() {
    ln big hard1
    ln big src/hard2
    ln many/file1 "odd names/hard"
    ln -s big soft
    ln -s ../src src/lib/up
    ln -s /nowhere/at/all dangling
    ln -s loop loop
    ln -s "$(printf '%01000d' 5)" longlink
    ln -s ../big $'odd names/soft\nline'
    mkfifo fifo src/pipe
    ln fifo hardfifo
}

tree_modes() {
    printf '#!/bin/sh\necho ran\n' >script
    chmod 755 script
    cp script setuid
    chmod 4755 setuid
    cp script setgid
    chmod 2711 setgid
    mkdir sticky group locked locked/below
    chmod 1777 sticky
    chmod 2775 group
    printf private >private
    chmod 600 private
    printf readonly >locked/readonly
    printf below >locked/below/file
    chmod 444 locked/readonly
}

tree_xattrs() {
    local i
    command -v setfattr >/dev/null && command -v setfacl >/dev/null || return 0
    setfattr -n user.one -v 1 big
    for i in {1..5}; do
        setfattr -n "user.many$i" -v "value $i" src/unit1.c
    done
    setfattr -n user.binary -v 0x00ff0a80 src
    setfattr -n user.empty zero
    setfacl -m u:12:rw,g:34:r many/file2
    setfacl -d -m u:12:rwx group
    printf inherits >group/inherits
}

tree_root() {
    [ "$(id -u)" -eq 0 ] || return 0
    mknod null c 1 3
    mknod disk b 7 99
    chown 12:34 many/file3 src/lib
    chown -h 12 dangling
    chown 56:78 setuid
    chmod 4755 setuid
    setfattr -n trusted.secret -v yes many/file4
}

tree_times() {
    find . -depth -print0 | xargs -0 touch -h -d @1000000000.123456789
    touch_all 1100000000.000000001 many/*
    touch_all 1200000000.999999999 src/*.c
    touch_all 5 zero
    touch_all -5.5 private
    touch_all 1300000000 src many empty .
}

# make_tree DIRECTORY
make_tree() (
    umask 022
    mkdir -p "$1"
    cd "$1" || exit
    tree_files
    tree_odd_names
    tree_deep
    tree_links
    tree_modes
    tree_xattrs
    tree_root
    tree_times
    chmod 555 locked/below locked
)
