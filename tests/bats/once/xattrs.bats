#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Extended attributes of private directories: equal ones are set behind what is pending there (C4), in
# order (C5), seen where the program looks (C2), and a failure is told (C6).

load ../common
load ../slow

setup() {
    requires_slow
    requires setfattr
    requires jq
    requires python3
    cd "$BATS_TEST_TMPDIR" || return
    setfattr -n user.probe -v 1 back 2>/dev/null || skip "requires user xattrs in $BATS_TEST_TMPDIR"
    RECORD=$BATS_TEST_TMPDIR/stats
}

teardown() {
    ! mountpoint -q "$BATS_TEST_TMPDIR/ground" || umount "$BATS_TEST_TMPDIR/ground"
    leave_slow
    cd /
}

deferred() { # OP
    jq -s "[.[].ops.$1.deferred // 0] | add" "$RECORD"
}

# source_tree COUNT: directories of six files, each with an attribute
source_tree() {
    local name
    for name in $(seq "$1"); do
        mkdir -p "back/s/d$name"
        touch "back/s/d$name"/f{1..6}
    done
    find back/s -type d -exec setfattr -n user.note -v 'of the tree' {} +
}

# attributes TREE: all that cp -a keeps of it
attributes() {
    (cd "$1" && find . -printf '%p %y %m %U %G %n %T@\n' | sort && getfattr -d -m - -R . | sort &&
        { ! command -v getfacl >/dev/null || getfacl -nR . | sort; })
}

# After this two directories of d have had the calls once; the rest of a test goes on with CODE.
FIRST='
import os, sys, errno, struct
LIST = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, rights, 0xffffffff)
                                       for tag, rights in ((1, 7), (4, 5), (32, 0)))
def attributes(path, value=b"some value"):
    os.setxattr(path, "user.note", value)
    os.setxattr(path, "system.posix_acl_access", LIST)
    os.removexattr(path, "system.posix_acl_default")
def refused(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
os.mkdir("d")
for name in "d/a", "d/b":
    os.mkdir(name)
    attributes(name)
'

python() { # CODE
    rm -f "$RECORD"
    USHIM_MODE=auto USHIM_STATS=$RECORD LD_PRELOAD=$LIB \
        python3 -S -c "$FIRST$1" >"$BATS_TEST_TMPDIR/said" 2>"$BATS_TEST_TMPDIR/errors"
}

@test "C4: a tree's equal attributes are set behind its links, and are those of a plain copy" {
    local option
    source_tree 8
    for option in --xattr --acl; do
        enter_slow --delay=1ms $option
        cp -al s plain
        rm -f "$RECORD"
        auto cp -al s t
        leave_slow
        same <(attributes back/plain) <(attributes back/t)
        # All but the first, and the one that has proven which bytes fit.
        [ "$(deferred LSETXATTR)" -ge 6 ]
        [ "$(deferred SETXATTR)" -ge 6 ]
        [ "$(deferred REMOVEXATTR)" -ge 6 ]
        rm -rf back/plain back/t
    done
}

@test "C4: another value, another name, more bytes than were proven: made at once" {
    enter_slow --delay=1ms --xattr
    python '
for number in range(4):
    os.mkdir("d/v%d" % number)
    os.setxattr("d/v%d" % number, "user.note", b"value %d" % number)'
    [ "$(deferred SETXATTR)" -eq 2 ] # of d/b
    rm -r d
    python '
for number in range(4):
    os.mkdir("d/n%d" % number)
    os.setxattr("d/n%d" % number, "user.n%d" % number, b"some value")'
    [ "$(deferred SETXATTR)" -eq 2 ]
    rm -r d
    python '
big = b"x" * 200
for name in "d/e", "d/f":
    os.mkdir(name)
    os.setxattr(name, "user.a" + name[-1], big)
print(refused(os.setxattr, "d/e", "user.af", big))' # proven, but not two of them
    [ "$(deferred SETXATTR)" -eq 2 ]
    [ "$(cat ../said)" = None ]
    rm -r d
    python '
os.mkdir("d/c")
os.setxattr("d/c", "user.note", b"some value")
print(refused(os.setxattr, "d/c", "user.note", b"some value", os.XATTR_CREATE),
      refused(os.setxattr, "d/a", "user.other", b"some value", os.XATTR_REPLACE))'
    [ "$(cat ../said)" = "EEXIST ENODATA" ]
}

@test "C2: whoever asks in the process finds them set, by path and by descriptor, and in order" {
    enter_slow --delay=1ms,setxattr:20ms,removexattr:20ms --acl
    python '
def made(name):
    os.mkdir(name)
    attributes(name)
    return name
made("d/c"); print(os.getxattr("d/c", "user.note"))
made("d/e"); print(sorted(os.listxattr("d/e")))
made("d/f"); print(oct(os.stat("d/f").st_mode))
name = made("d/g"); fd = os.open(name, os.O_RDONLY); print(os.getxattr(fd, "user.note"))
os.mkdir("d/h"); fd = os.open("d/h", os.O_RDONLY); attributes("d/h"); print(os.getxattr(fd, "user.note"))
os.mkdir("d/i"); fd = os.open("d/i", os.O_RDONLY); attributes("d/i"); print(sorted(os.listxattr(fd)))
print(refused(os.getxattr, made("d/j"), "user.other"))
print(refused(os.getxattr, made("d/k"), "system.posix_acl_default"))
made("d/l"); os.chmod("d/l", 0o711); print(oct(os.stat("d/l").st_mode))
made("d/m"); os.removexattr("d/m", "user.note"); print(refused(os.getxattr, "d/m", "user.note"))
made("d/n"); os.setxattr("d/n", "user.note", b"another"); print(os.getxattr("d/n", "user.note"))'
    [ "$(deferred SETXATTR)" -ge 20 ]
    same - ../said <<'END'
b'some value'
['user.note']
0o40750
b'some value'
b'some value'
['user.note']
ENODATA
ENODATA
0o40711
ENODATA
b'another'
END
}

@test "C2: a directory made after a default list was taken away has none" {
    enter_slow --delay=1ms,removexattr:20ms --acl
    command -v setfacl >/dev/null || skip "requires setfacl"
    mkdir top
    setfacl -d -m u:1:rwx top
    python '
os.chdir("top")
for name in "c", "e":
    os.mkdir(name)
    os.mkdir(name + "/before")
    os.mkdir(name + "/too")
    os.removexattr(name, "system.posix_acl_default")
    os.mkdir(name + "/after")
    os.symlink("x", name + "/link")
for name in "c", "e":
    print(*("system.posix_acl_default" in os.listxattr(name + end) for end in ("/before", "/too", "", "/after")))'
    [ "$(deferred REMOVEXATTR)" -ge 2 ]
    [ "$(tr '\n' ' ' <../said)" = "True True False False True True False False " ] || fail "$(cat ../said)"
}

@test "C6: a refusal is what the program is told; one that comes late is said, and the status is 1" {
    local plain=0 early=0 late=0
    source_tree 4
    # Not to be had at all: cp says the same as without us.
    enter_slow --delay=1ms --xattr --refuse='setxattr:user.*:EPERM' -o subtype=slowfs
    cp -a s t 2>../errors.plain || plain=$?
    attributes t >../left.plain
    rm -r t
    auto cp -a s t 2>../errors || early=$?
    attributes t >../left
    leave_slow
    [ "$plain" -ne 0 ] && [ "$early" -eq "$plain" ]
    same errors.plain errors
    same left.plain left
    rm -r back/t
    # Late.
    enter_slow --delay=1ms --xattr --fail=setxattr:6:ENOSPC
    rm -f "$RECORD"
    auto cp -al s t 2>../errors || late=$?
    leave_slow
    [ "$late" -eq 1 ]
    [ "$(deferred LSETXATTR)" -ge 1 ]
    grep -qx "ushim: setxattr 't/d[1-4]': No space left on device (reported late)" errors ||
        fail "$(cat errors)"
    [ "$(find back/t -type f | wc -l)" -eq 24 ]
    # That there was none to be taken away is no failure (libacl has it so as well).
    enter_slow --delay=1ms --xattr --fail=removexattr:3:ENODATA
    rm -rf t
    rm -f "$RECORD"
    auto cp -al s t
    [ "$(jq -s '[.[].late_gone] | add' "$RECORD")" -eq 1 ]
}

@test "C5: another process that is told finds them, one that looks sees none or the right ones" {
    source_tree 6
    enter_slow --delay=1ms,setxattr:10ms --xattr --attr-timeout=0 --entry-timeout=0
    while read -r name; do
        getfattr --only-values -n user.note "$name" && echo
    done < <(USHIM_STATS=$RECORD shim_in auto python3 -S -c "$FIRST"'
for number in range(4):
    os.mkdir("d/n%d" % number)
    attributes("d/n%d" % number)
    print("d/n%d" % number, flush=True)') >../told
    [ "$(deferred SETXATTR)" -ge 4 ]
    [ "$(uniq ../told)" = "some value" ]
    [ "$(wc -l <../told)" -eq 4 ]
    # Attributes come behind the links: a directory that has them is complete.
    USHIM_MODE=auto LD_PRELOAD=$LIB cp -al s t &
    until kill -0 $! 2>/dev/null && ! getfattr -R -n user.note t >../seen 2>/dev/null; do
        kill -0 $! 2>/dev/null || break
        grep -q '^user' ../seen || continue
        [ "$(grep '^user' ../seen | sort -u)" = 'user.note="of the tree"' ]
    done
    wait $!
}

@test "C5: killed, what is left is a beginning of what was asked for: links, then attributes" {
    local delay name ahead
    source_tree 10
    enter_slow --delay=1ms --xattr
    for delay in 0.03 0.06 0.09 0.12 0.15; do
        run -137 --separate-stderr bash -c 'LD_PRELOAD=$1 USHIM_MODE=auto cp -al s t & sleep '"$delay"'
            kill -KILL $!; wait $!' - "$LIB"
        ahead=0
        for name in ../back/t/d*; do
            [ -d "$name" ] && getfattr -n user.note "$name" >/dev/null 2>&1 || continue
            [ "$(find "$name" -type f | wc -l)" -eq 6 ] || ahead=$((ahead + 1))
        done
        [ "$ahead" -le 1 ] # what proves it is made plainly, and beside the links
        rm -rf t
    done
}

@test "C1: on a local file system with access lists a copy has the attributes of a plain one" {
    local kind
    requires loop
    requires setfacl
    for kind in ext4 xfs; do
        command -v mkfs.$kind >/dev/null || continue
        truncate -s 320M image
        "mkfs.$kind" -q image
        mkdir -p ground
        mount -o loop image ground 2>/dev/null || continue
        mkdir ground/p{1,2} ground/s
        setfacl -d -m u:1:rwx,g:2:rx ground/p1 ground/p2
        mkdir -p ground/s/{1..5}/{a,b}
        touch ground/s/{1..5}/{a,b}/f
        find ground/s -type d -exec setfattr -n user.note -v value {} +
        setfacl -m u:3:rx ground/s/2 ground/s/3/a
        setfacl -d -m u:3:rx ground/s/4
        chmod 2770 ground/s/5/b ground/s/5
        chmod 500 ground/s/1/a
        for how in 'cp -a' 'cp -al' 'cp -r' 'cp -rp' 'rsync -aAX'; do
            command -v "${how%% *}" >/dev/null || continue
            $how ground/s ground/p1/t
            rm -f "$RECORD"
            USHIM_STATS=$RECORD shim_in auto-forced $how ground/s ground/p2/t
            [ "$how" != 'cp -al' ] || [ "$(deferred LSETXATTR)" -ge 5 ]
            same <(attributes ground/p1/t | sed 's/ [0-9.]*$//') <(attributes ground/p2/t | sed 's/ [0-9.]*$//')
            rm -rf ground/p?/t
        done
        unmounted ground
        rm image
    done
}
