# SPDX-License-Identifier: MIT
# slowfs is the slow storage that other tests and benches stand on: it has to be a file system
# first, slow where it was told to be, and honest in its log.
#
# Time is only ever judged by the log, and only as "no shorter than" or "at the same time as".

bats_require_minimum_version 1.5.0

ROOT=${BATS_TEST_DIRNAME%%/tests/bats*}
BUILD=${BUILD:-$ROOT/build}
case $BUILD in /*) ;; *) BUILD=$ROOT/$BUILD ;; esac

requires() {
    local need
    for need; do
        case $need in
        /*) [ -e "$need" ] || skip "requires $need" ;;
        root) [ "$(id -u)" = 0 ] || skip "requires root" ;;
        user-xattr)
            setfattr -n user.probe -v 1 "$BACK" 2>/dev/null || skip "requires user xattrs in $BACK"
            setfattr -x user.probe "$BACK"
            ;;
        *) command -v "$need" >/dev/null || skip "requires $need" ;;
        esac
    done
}

setup() {
    BACK=$BATS_TEST_TMPDIR/back MNT=$BATS_TEST_TMPDIR/mnt LOG=$BATS_TEST_TMPDIR/log
    mkdir "$BACK" "$MNT"
    requires /dev/fuse root umount
    [ -x "$BUILD/slowfs" ] || skip "requires $BUILD/slowfs (build it first)"
}

teardown() {
    local tries
    for tries in {1..50}; do
        mountpoint -q "$MNT" || return 0
        umount "$MNT" 2>/dev/null || sleep 0.2
    done
    umount -l "$MNT"
}

slowfs() {
    "$BUILD/slowfs" --log="$LOG" "$@" "$BACK" "$MNT"
}

# Everything stat tells that two copies of a tree should have in common. The size of a
# directory depends on its history, so it is left out.
facts() {
    (cd "$1" && find . -printf '%P %y %m %n %U %G %l %TY%Tm%Td%TH%TM%TS ' \
        \( -type d -printf '\n' -o -printf '%s\n' \) | LC_ALL=C sort)
}

contents() {
    (cd "$1" && find . -type f -exec cksum {} + | LC_ALL=C sort -k 3)
}

same_tree() {
    diff -u <(facts "$1") <(facts "$2")
    diff <(contents "$1") <(contents "$2")
}

make_tree() {
    mkdir -p "$1/a/deep/er" "$1/empty"
    seq 20000 >"$1/a/numbers"
    printf 'no newline' >"$1/a/deep/er/small"
    : >"$1/a/nothing"
    truncate -s 3M "$1/sparse"
    ln "$1/a/numbers" "$1/a/deep/same"
    ln -s ../a/numbers "$1/empty/to"
    ln -s nowhere "$1/dangling"
    mkfifo "$1/pipe"
    chmod 4711 "$1/a/nothing"
    chmod 1777 "$1/empty"
    chown 12:34 "$1/a/deep" "$1/sparse"
    chown -h 56:78 "$1/dangling"
    touch -d '2001-02-03 04:05:06.789' "$1/a/numbers" "$1/a/deep"
    touch -h -d '2002-02-02' "$1/dangling"
}

# log KIND [NAME]: the lines of that kind (and name).
log() {
    awk -v kind="$1" -v name="${2-}" '$3 == kind && (name == "" || $5 == name)' "$LOG"
}

# count KIND [NAME]
count() {
    log "$@" | wc -l
}

# The smallest end - start of lines on stdin, in whole milliseconds; fails without lines.
least_ms() {
    awk '{ ms = ($2 - $1) / 1e6; if (NR == 1 || ms < least) least = ms }
        END { if (!NR) exit 1; printf "%d\n", least }'
}

# How many of the lines on stdin were under way at once, at most.
peak() {
    awk '{ print $1, 1; print $2, -1 }' | sort -k1,1n -k2,2n |
        awk '{ now += $2; if (now > most) most = now } END { print most + 0 }'
}

# stat_all DIR: asks for 16 names at the same time.
stat_all() {
    local i pids=()
    for i in {1..16}; do
        stat "$1/f$i" >/dev/null &
        pids+=($!)
    done
    wait "${pids[@]}"
}

# ---- a file system -------------------------------------------------------------------------

@test "a tree written through the mount is the tree cp -a makes" {
    slowfs
    make_tree "$BATS_TEST_TMPDIR/tree"
    cp -a "$BATS_TEST_TMPDIR/tree" "$MNT/copy"
    same_tree "$BATS_TEST_TMPDIR/tree" "$MNT/copy"
    same_tree "$BATS_TEST_TMPDIR/tree" "$BACK/copy"
}

@test "a tree built through the mount reads the same, with every cache setting" {
    local option
    make_tree "$BATS_TEST_TMPDIR/tree"
    for option in --readdirplus --writeback --serial-dirops --entry-timeout=0 --node-fds=1; do
        slowfs "$option" --attr-timeout=0
        cp -a "$BATS_TEST_TMPDIR/tree" "$MNT/copy"
        same_tree "$BATS_TEST_TMPDIR/tree" "$MNT/copy"
        rm -r "$MNT/copy"
        [ -z "$(ls -A "$BACK")" ]
        umount "$MNT"
    done
}

@test "a large directory lists each entry once" {
    slowfs
    (cd "$BACK" && seq -f 'a name of some length %05g' 3000 | xargs -d '\n' touch)
    diff <(ls -f "$MNT" | sort) <(ls -f "$BACK" | sort)
}

@test "hard links are one inode and count" {
    slowfs --attr-timeout=0
    echo one >"$MNT/a"
    ln "$MNT/a" "$MNT/b"
    [ "$(stat -c %h "$MNT/a")" = 2 ]
    [ "$MNT/a" -ef "$MNT/b" ]
    echo two >>"$MNT/b"
    [ "$(cat "$MNT/a")" = $'one\ntwo' ]
    rm "$MNT/a"
    [ "$(stat -c %h "$MNT/b" "$BACK/b" | sort -u)" = 1 ]
}

@test "a symlink can be hard-linked" {
    slowfs
    ln -s target "$MNT/s"
    ln -P "$MNT/s" "$MNT/t"
    [ "$(readlink "$BACK/t")" = target ]
    [ "$(stat -c %h "$BACK/t")" = 2 ]
}

@test "rename moves, replaces and refuses to replace" {
    slowfs
    mkdir "$MNT/d"
    echo a >"$MNT/a"
    echo b >"$MNT/b"
    mv -n "$MNT/a" "$MNT/b"
    [ "$(cat "$BACK/b")" = b ]
    mv -f "$MNT/a" "$MNT/b"
    [ "$(cat "$BACK/b")" = a ]
    mv "$MNT/b" "$MNT/d/c"
    [ "$(cat "$MNT/d/c")" = a ]
    mv "$MNT/d" "$MNT/e"
    [ "$(cat "$BACK/e/c")" = a ]
    run ! rmdir "$MNT/e"
}

@test "truncate shrinks and grows with zeroes" {
    slowfs
    printf 0123456789 >"$MNT/f"
    truncate -s 4 "$MNT/f"
    truncate -s 6 "$MNT/f"
    cmp "$BACK/f" <(printf '0123\0\0')
    : >"$MNT/f"
    [ ! -s "$BACK/f" ]
}

@test "an unlinked file lives while it is open" {
    slowfs --node-fds=1
    exec 9<>"$MNT/f"
    rm "$MNT/f"
    echo still >&9
    [ "$(cat /proc/self/fd/9)" = still ]
    [ "$(stat -L -c %h /proc/self/fd/9)" = 0 ]
    exec 9>&-
}

@test "ordinary users own what they make and are kept out of the rest" {
    requires setpriv
    slowfs
    chmod 1777 "$BACK"
    echo mine >"$MNT/secret"
    chmod 600 "$MNT/secret"
    cd "$MNT" # the directories above are root's own
    nobody() { setpriv --reuid=65534 --regid=65534 --groups=65534,4 "$@"; }
    nobody sh -c 'umask 022; mkdir d; echo x >d/f; ln -s x d/s; mkfifo d/p'
    [ "$(stat -c %u:%g d d/f d/s d/p | sort -u)" = 65534:65534 ]
    [ "$(stat -c %a d/f)" = 644 ]
    nobody chgrp 4 d
    nobody chmod g+s d
    nobody mkdir d/sub
    [ "$(stat -c %g:%A d/sub)" = 4:drwxr-sr-x ]
    run ! nobody cat secret
    run ! nobody rm -f secret
    chgrp 4 secret
    chmod 640 secret
    [ "$(nobody cat secret)" = mine ]
    cd /
}

@test "more files are known than descriptors may be open" {
    mkdir "$BACK/many"
    (cd "$BACK/many" && for i in {1..600}; do echo "$i" >"$i"; done)
    (ulimit -n 128 && slowfs --entry-timeout=3600)
    [ "$(stat -c %i "$MNT"/many/* | sort -u | wc -l)" = 600 ]
    [ "$(cat "$MNT"/many/* | sort -n)" = "$(seq 600)" ]
    for i in {1..600}; do ln "$MNT/many/$i" "$MNT/many/$i.link"; done
    rm "$MNT"/many/*[0-9]
    [ "$(cat "$MNT"/many/* | sort -n)" = "$(seq 600)" ]
}

@test "knowing more files makes nobody wait for a larger descriptor table" {
    local before pid
    seq -f "$BACK/f%g" 1500 | xargs touch
    "$BUILD/slowfs" --foreground "$BACK" "$MNT" &
    pid=$!
    until mountpoint -q "$MNT"; do kill -0 $pid; sleep 0.05; done
    before=$(awk '/^FDSize/ { print $2 }' /proc/$pid/status)
    ls -l "$MNT" >/dev/null
    [ "$(find /proc/$pid/fd | wc -l)" -gt 1024 ] || skip "requires a higher descriptor limit"
    [ "$(awk '/^FDSize/ { print $2 }' /proc/$pid/status)" = "$before" ]
    umount "$MNT"
    wait $pid
}

@test "an inode number used again is another file" {
    local i old reused=
    slowfs --node-fds=1 --entry-timeout=3600
    for i in {1..8}; do
        echo old >"$BACK/old$i"
        old=$(stat -c %i "$MNT/old$i")
        rm "$BACK/old$i" # behind the mount, which still knows it
        echo "new $i" >"$BACK/new$i"
        [ "$(stat -c %i "$MNT/new$i")" != "$old" ] || reused=yes
        [ "$(cat "$MNT/new$i")" = "new $i" ]
    done
    [ "$reused" ] || skip "requires a backing file system that reuses inode numbers"
}

@test "git sees its repository intact" {
    requires git
    slowfs --xattr
    export HOME=$BATS_TEST_TMPDIR GIT_CONFIG_NOSYSTEM=1
    git init -q "$MNT/repo"
    cd "$MNT/repo"
    git config user.name n
    git config user.email n@example.org
    make_tree "$PWD"
    git add .
    git commit -q -m all
    git gc -q
    git fsck --strict
    git clone -q . ../clone
    [ -z "$(git -C ../clone status --short)" ]
    cd /
}

# ---- extended attributes -------------------------------------------------------------------

@test "with --xattr attributes pass through" {
    requires setfattr getfattr user-xattr
    slowfs --xattr
    echo x >"$MNT/f"
    setfattr -n user.colour -v blue "$MNT/f"
    [ "$(getfattr --only-values -n user.colour "$BACK/f")" = blue ]
    [ "$(getfattr --only-values -n user.colour "$MNT/f")" = blue ]
    [[ "$(getfattr "$MNT/f")" == *user.colour* ]]
    setfattr -x user.colour "$MNT/f"
    run ! getfattr --only-values -n user.colour "$BACK/f"
}

@test "without --xattr there are none, and the kernel asks once" {
    requires setfattr getfattr user-xattr
    slowfs
    echo x >"$MNT/f"
    setfattr -n user.colour -v blue "$BACK/f"
    run ! getfattr --only-values -n user.colour "$MNT/f"
    [[ "$output" == *"not supported"* ]]
    run ! setfattr -n user.colour -v red "$MNT/f"
    [[ "$output" == *"not supported"* ]]
    run ! setfattr -n user.colour -v red "$MNT/f"
    [ "$(count setxattr)" = 1 ]
    [ "$(log setxattr | cut -d' ' -f8)" = ENOSYS ]
}

# Default ACLs and masks, what is inherited, and who may do what, told from below DIRECTORY.
acl_story() {
    local name
    cd "$1" || return
    umask 022
    mkdir d
    setfacl -d -m u:1:rwx d
    umask 027
    touch d/file f g
    mkdir d/dir
    mkfifo d/fifo
    chmod 600 f
    setfacl -m u:1:rw f
    getfacl -n d d/file d/dir d/fifo f
    for name in f g d/new; do
        setpriv --reuid=1 --regid=1 --clear-groups sh -c "echo x >$name" && echo "$name: written"
    done
    chmod 640 f
    getfacl -n f
    setfacl -m u::rwx,g::-,o::x f
    stat -c %a f
    setfacl -b f
    stat -c %a f
} 2>&1

@test "with --acl ACLs are inherited and obeyed as without slowfs" {
    requires setfacl setpriv
    mkdir -m 755 "$BATS_TEST_TMPDIR/local"
    chmod a+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR" "$BACK"
    (acl_story "$BATS_TEST_TMPDIR/local") >"$BATS_TEST_TMPDIR/expected"
    grep -q 'default:user:1:rwx' "$BATS_TEST_TMPDIR/expected" || skip "requires ACLs in $BACK"
    grep -q '^f: written' "$BATS_TEST_TMPDIR/expected"
    slowfs --acl
    (acl_story "$MNT") | diff "$BATS_TEST_TMPDIR/expected" -
}

# ---- caches --------------------------------------------------------------------------------

@test "names are believed as long as told" {
    echo x >"$BACK/f"
    slowfs --entry-timeout=3600 --negative-timeout=3600
    stat "$MNT/f" "$MNT/f"
    run ! stat "$MNT/none"
    run ! stat "$MNT/none"
    [ "$(count lookup f)" = 1 ]
    [ "$(count lookup none)" = 1 ]
    umount "$MNT"
    rm "$LOG"
    slowfs --entry-timeout=0
    stat "$MNT/f" "$MNT/f"
    run ! stat "$MNT/none"
    run ! stat "$MNT/none"
    [ "$(count lookup f)" = 2 ]
    [ "$(count lookup none)" = 2 ]
}

@test "with --changing files change whenever somebody asks about them" {
    local sizes
    echo x >"$BACK/f"
    touch -d '2001-01-01' "$BACK/f"
    slowfs --changing=size --attr-timeout=0
    mapfile -t sizes < <(stat -c %s "$MNT/f" "$MNT/f" "$MNT/f")
    [ "${sizes[0]}" -gt 2 ]
    [ "${sizes[0]}" -lt "${sizes[1]}" ]
    [ "${sizes[1]}" -lt "${sizes[2]}" ]
    [ "$(stat -c %Y "$MNT/f")" -gt "$(date -d 2020-01-01 +%s)" ]
    umount "$MNT"
    slowfs --changing=mtime --attr-timeout=0
    sizes=("$(stat -c %s-%y "$MNT/f")" "$(stat -c %s-%y "$MNT/f")")
    [ "${sizes[0]%%-*}" = "${sizes[1]%%-*}" ]
    [ "${sizes[0]}" != "${sizes[1]}" ]
}

@test "--readdirplus makes a listing bring the attributes along" {
    touch "$BACK"/{1..10}
    slowfs --entry-timeout=3600
    ls -l "$MNT"
    [ "$(count readdirplus)" = 0 ]
    [ "$(count lookup)" = 10 ]
    umount "$MNT"
    rm "$LOG"
    slowfs --entry-timeout=3600 --attr-timeout=3600 --readdirplus
    ls -l "$MNT"
    [ "$(count readdirplus)" -gt 0 ]
    [ "$(count lookup)" = 0 ]
}

# ---- slowness ------------------------------------------------------------------------------

@test "a delay is spent on its kind" {
    slowfs --delay=mkdir:30ms,rmdir:20ms
    mkdir "$MNT/d"
    rmdir "$MNT/d"
    [ "$(log mkdir | least_ms)" -ge 30 ]
    [ "$(log rmdir | least_ms)" -ge 20 ]
}

@test "one delay serves all kinds, and later words override" {
    slowfs --delay=20ms,flush:0,fsync:30000us --delay=rmdir:0.04s
    echo x >"$MNT/f"
    sync "$MNT/f"
    mkdir "$MNT/d"
    rmdir "$MNT/d"
    [ "$(log create | least_ms)" -ge 20 ]
    [ "$(log write | least_ms)" -ge 20 ]
    [ "$(log fsync | least_ms)" -ge 30 ]
    [ "$(log rmdir | least_ms)" -ge 40 ]
    [ "$(log flush | least_ms)" -lt 20 ] || skip "requires a machine that answers within 20 ms"
}

@test "names of one directory are looked up at the same time" {
    mkdir "$BACK/d"
    touch "$BACK"/d/f{1..16}
    slowfs --delay=lookup:1s --entry-timeout=3600
    stat "$MNT/d"
    stat_all "$MNT/d"
    [ "$(log lookup | grep -c ' f[0-9]* ')" = 16 ]
    [ "$(log lookup | grep ' f[0-9]* ' | peak)" -ge 8 ]
}

@test "with --serial-dirops they are looked up one after the other" {
    mkdir "$BACK/d"
    touch "$BACK"/d/f{1..16}
    slowfs --delay=lookup:30ms --entry-timeout=3600 --serial-dirops
    stat "$MNT/d"
    stat_all "$MNT/d"
    [ "$(log lookup | grep -c ' f[0-9]* ')" = 16 ]
    [ "$(log lookup | grep ' f[0-9]* ' | peak)" = 1 ]
}

@test "with --fold-case names are equal that differ in case" {
    slowfs --fold-case
    echo one >"$MNT/Name"
    [ "$(cat "$MNT/nAME")" = one ]
    run -1 mkdir "$MNT/NAME"
    ln "$MNT/name" "$MNT/other"
    run -1 ln "$MNT/name" "$MNT/OTHER"
    mv "$MNT/OTHER" "$MNT/third"
    rm "$MNT/name"
    [ "$(ls "$BACK")" = third ]
}

@test "no more requests are under way than --threads" {
    mkdir "$BACK/d"
    touch "$BACK"/d/f{1..16}
    slowfs --delay=lookup:50ms --threads=3
    stat_all "$MNT/d"
    [ "$(peak <"$LOG")" -le 3 ]
}

# ---- faults --------------------------------------------------------------------------------

@test "exactly the nth request fails" {
    slowfs --fail=link:3:EIO
    touch "$MNT/f"
    ln "$MNT/f" "$MNT/1"
    ln "$MNT/f" "$MNT/2"
    run ! ln "$MNT/f" "$MNT/3"
    [[ "$output" == *"Input/output error"* ]]
    [ ! -e "$BACK/3" ]
    ln "$MNT/f" "$MNT/3"
    ln "$MNT/f" "$MNT/4"
    [ "$(log link | cut -d' ' -f8 | xargs)" = "0 0 EIO 0 0" ]
}

@test "--refuse fails what is about such a name, of one kind or of all that would make it" {
    touch "$BACK/f"
    slowfs --refuse=link:*[13]:EXDEV --refuse=unlink:kept*:EROFS --refuse='name:*[:?]*:EINVAL'
    ln "$MNT/f" "$MNT/2"
    run ! ln "$MNT/f" "$MNT/3"
    [[ "$output" == *"Invalid cross-device link"* ]]
    touch "$MNT/kept 1" "$MNT/3"
    run ! rm "$MNT/kept 1"
    [[ "$output" == *"Read-only file system"* ]]
    rm "$MNT/3"
    for command in touch mkdir "ln -s x" "ln $MNT/f" "mv $MNT/f" mkfifo; do
        run ! $command "$MNT/a:b"
    done
    [ "$(grep ' EINVAL ' "$LOG" | cut -d' ' -f3 | sort -u | xargs)" = 'create link mkdir mknod rename symlink' ]
    [ "$(cd "$BACK" && echo *)" = "2 f kept 1" ]
    grep -q " $MNT .* fuse.slowpool " /proc/self/mountinfo
}

@test "--refuse=target fails symbolic links that say such a thing; the mount is as any" {
    slowfs --refuse='target:*:*:EINVAL'
    ln -s a "$MNT/s:1"
    run ! ln -s c:a "$MNT/s2"
    [[ "$output" == *"Invalid argument"* ]]
    [ "$(ls "$BACK")" = s:1 ]
    grep -q " $MNT .* fuse.slowfs " /proc/self/mountinfo
}

@test "--name-max is the longest name, whether statfs says so or not" {
    local said
    for said in 20 255; do
        slowfs --name-max="20:$said"
        [ "$(stat -f -c %l "$MNT")" = "$said" ]
        touch "$MNT/$(printf '%020d' 1)"
        for command in touch mkdir "ln -s x" "mv $MNT/$(printf '%020d' 1)"; do
            run ! $command "$MNT/$(printf '%021d' 1)"
            [[ "$output" == *"File name too long"* ]]
        done
        umount "$MNT"
    done
}

@test "from the nth request on all fail, and kinds count apart" {
    slowfs --fail=mkdir:2+:ENOSPC --fail=unlink:1:EACCES --fail=unlink:3:EROFS
    mkdir "$MNT/1"
    run ! mkdir "$MNT/2"
    run ! mkdir "$MNT/3"
    touch "$MNT"/{a,b,c}
    run ! rm "$MNT/a"
    rm "$MNT/b"
    run ! rm "$MNT/c"
    [ "$(log mkdir | cut -d' ' -f8 | xargs)" = "0 ENOSPC ENOSPC" ]
    [ "$(log unlink | cut -d' ' -f8 | xargs)" = "EACCES 0 EROFS" ]
    [ "$(ls "$BACK" | xargs)" = "1 a c" ]
}

@test "a hung request is answered late, others are not held up" {
    slowfs --hang=unlink:2:1s
    mkdir "$MNT/d"
    touch "$MNT/a" "$MNT/b" "$MNT/d/c"
    rm "$MNT/a"
    rm "$MNT/b" &
    until [ "$(awk '$5 == "b" && $3 == "lookup"' "$LOG" | wc -l)" -gt 0 ]; do sleep 0.05; done
    while kill -0 $! 2>/dev/null; do stat "$MNT/d/c" >/dev/null; sleep 0.1; done
    wait $!
    [ ! -e "$BACK/b" ]
    [ "$(log unlink b | least_ms)" -ge 1000 ]
    # Something began and ended while b hung.
    log unlink b | {
        read -r start end _
        awk -v s="$start" -v e="$end" '$1 > s && $2 < e { n++ } END { exit !n }' "$LOG"
    }
}

# ---- the log -------------------------------------------------------------------------------

@test "a line tells directory, names, inodes, error and caller" {
    slowfs
    mkdir "$MNT/d"
    d=$(stat -c %i "$MNT/d") top=$(stat -c %i "$MNT")
    echo x >"$MNT/d/old"
    f=$(stat -c %i "$MNT/d/old")
    ln "$MNT/d/old" "$MNT/d/link"
    mv "$MNT/d/old" "$MNT/new"
    ln -s to/where "$MNT/sym"
    [ "$(log create | cut -d' ' -f4-8)" = "$d old $f - 0" ]
    [ "$(log link | cut -d' ' -f4-8)" = "$d link $f - 0" ]
    [ "$(log rename | cut -d' ' -f4-8)" = "$d old $top new 0" ]
    [ "$(log symlink | cut -d' ' -f4,5,7)" = "$top sym to/where" ]
    [ "$(log write | cut -d' ' -f4,5)" = "$f @0+2" ]
    pid=$(sh -c 'echo $$; exec mkdir "$1"' sh "$MNT/by")
    [ "$(log mkdir by | cut -d' ' -f9)" = "$pid" ]
}

@test "every line has nine columns, whatever the names" {
    slowfs
    touch "$MNT/a b" "$MNT/-" "$MNT/"$'new\nline' "$MNT/back\\slash"
    ln -s ' ' "$MNT/blank"
    stat_all "$MNT" || true
    awk 'NF != 9 || $2 < $1 { print "odd: " $0; bad = 1 } END { exit bad || !NR }' "$LOG"
    [ "$(count create 'a\\040b')" = 1 ]
    [ "$(count create '\\055')" = 1 ]
    [ "$(count create 'new\\012line')" = 1 ]
    [ "$(count create 'back\\134slash')" = 1 ]
    [ "$(log symlink | cut -d' ' -f7)" = '\040' ]
}

# ---- start and end -------------------------------------------------------------------------

@test "it returns when the mount is usable, and not with success when there is none" {
    echo x >"$BACK/f"
    slowfs
    mountpoint -q "$MNT"
    cat "$MNT/f"
    umount "$MNT"
    run -1 "$BUILD/slowfs" "$BACK/none" "$MNT"
    [[ "$output" == *"No such file"* ]]
    run -1 "$BUILD/slowfs" "$BACK" "$MNT/none"
    run -1 "$BUILD/slowfs" -o nonsense "$BACK" "$MNT"
    run ! mountpoint -q "$MNT"
}

# listed [OPTION...]: position, name, d_ino and d_type of each entry, as getdents64 has them.
listed() {
    slowfs "$@"
    perl -e 'opendir my $d, $ARGV[0] or die; my $buf = "\0" x 65536;
        while ((my $n = syscall(217, fileno $d, $buf, 65536)) > 0) {
            for (my $at = 0; $at < $n;) {
                my ($ino, $next, $size, $type) = unpack "Qqv\@18C", substr $buf, $at, 19;
                print "$next ", unpack("Z*", substr $buf, $at + 19), " $ino $type\n";
                $at += $size;
            }
        }' "$MNT"
    umount "$MNT"
}

@test "positions in listings are any 64 bits, and lead to where they should" {
    requires perl
    cd "$BATS_TEST_TMPDIR"
    touch "$BACK"/file{1..200}
    listed >plain
    [ "$(wc -l <plain)" -eq 202 ]
    cut -d' ' -f2- plain >names
    for odd in high-cookies negative-cookies scrambled-cookies; do
        listed --listing="$odd" >odd
        cut -d' ' -f2- odd | diff names -
        [ "$(cut -d' ' -f1 odd | sort -u | wc -l)" -eq "$(cut -d' ' -f1 plain | sort -u | wc -l)" ]
        grep -q '^-' odd
        slowfs --listing="$odd"
        mkdir -p "$MNT/many"
        (cd "$MNT/many" && seq -f 'a-name-of-some-length-so-that-there-are-many-answers-%g' 2000 | xargs touch)
        [ "$(find "$MNT/many" -type f | wc -l)" -eq 2000 ]
        umount "$MNT"
        rm -r "$BACK/many"
    done
}

@test "a listing that cannot seek goes on and starts anew, and refuses the rest" {
    requires perl
    (cd "$BACK" && seq -f 'a-name-of-some-length-so-that-there-are-many-answers-%g' 2000 | xargs touch)
    for odd in "" ,scrambled-cookies; do
        slowfs --listing="no-seek$odd"
        [ "$(find "$MNT" -type f | wc -l)" -eq 2000 ]
        perl -e 'opendir my $d, $ARGV[0] or die;
            readdir $d; my $at = telldir $d; 1 while readdir $d;
            rewinddir $d; my $n = () = readdir $d; die "$n" if $n != 2002;
            seekdir $d, $at; $! = 0; exit defined readdir $d || !$!{EINVAL}' "$MNT" || [ "$odd" ]
        umount "$MNT"
    done
}

@test "listings without types, with entries twice, with entries that are not there" {
    requires perl
    cd "$BATS_TEST_TMPDIR"
    touch "$BACK"/file{1..50}
    mkdir "$BACK/dir"
    listed --listing=no-types >odd
    run ! grep -v ' 0$' odd
    listed --listing=twice >odd
    [ "$(grep -c ' file' odd)" -eq 100 ]
    listed --listing=no-numbers >odd
    run ! grep -v ' 4294967295 ' odd
    slowfs --listing=ghosts,no-types
    [ "$(find "$MNT" -maxdepth 1 -name 'ghost-*' 2>/dev/null | wc -l)" -eq 51 ]
    run ! stat "$MNT/ghost-dir"
    [ -d "$MNT/dir" ]
}

@test "inode numbers are 0, or one for all directories beside each other" {
    mkdir -p "$BACK/a/x" "$BACK/b/x" "$BACK/c"
    touch "$BACK/a/file"
    slowfs --inodes=zero
    [ "$(stat -c %i "$MNT/a" "$MNT/b" "$MNT/a/file" | sort -u)" = 0 ]
    umount "$MNT"
    slowfs --inodes=siblings
    [ "$(stat -c %i "$MNT/a" "$MNT/b" "$MNT/c" | sort -u | wc -l)" -eq 1 ]
    [ "$(stat -c %i "$MNT/a" "$MNT/a/x" "$MNT/b/x" "$MNT" | sort -u | wc -l)" -eq 4 ]
    [ "$(stat -c %i "$MNT/a/file")" = "$(stat -c %i "$BACK/a/file")" ]
    (cd "$MNT/a" && [ "$(stat -c %i .)" = "$(stat -c %i ../b)" ])
    rm -r "$MNT/a" "$MNT/b"
    [ "$(ls "$BACK")" = c ]
}

@test "what it does not understand it refuses" {
    local bad
    for bad in --delay=1 --delay=lookup --delay=nothing:1ms '--delay=1ms,' --delay=forget:1ms \
        --fail=link:0:EIO --fail=link:1:EWHAT --fail=link:1 --hang=link:1:EIO --hang=link:1:1 \
        --threads=0 --entry-timeout=soon --listing= --listing=odd '--listing=twice,' --inodes=odd; do
        run -2 "$BUILD/slowfs" "$bad" "$BACK" "$MNT"
    done
    run -2 "$BUILD/slowfs" "$BACK"
}

@test "in the foreground it stays, and unmounts when it is told to end" {
    "$BUILD/slowfs" --foreground "$BACK" "$MNT" 3>&- &
    until mountpoint -q "$MNT"; do kill -0 $! && sleep 0.05; done
    touch "$MNT/f"
    kill $!
    wait $!
    run ! mountpoint -q "$MNT"
    [ -e "$BACK/f" ]
}

@test "fusermount3 -u unmounts it" {
    requires fusermount3
    slowfs
    fusermount3 -u "$MNT"
    run ! mountpoint -q "$MNT"
}
