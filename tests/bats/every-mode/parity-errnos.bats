# SPDX-License-Identifier: MIT
# C1: every call fails and succeeds with the errno, and errno untouched, that it has without us.

load ../parity

setup() {
    PLACES=$BATS_TEST_TMPDIR/places
    mkdir "$PLACES" "$BATS_TEST_TMPDIR/fs"
    chmod 755 "$BATS_TEST_TMPDIR"
    let_everybody_in
}

teardown() {
    local mount
    find "$BATS_TEST_TMPDIR" -xdev -name immutable -exec chattr -i {} + 2>/dev/null || true
    for mount in "$PLACES"/* "$BATS_TEST_TMPDIR/fs"; do
        unmounted "$mount"
    done
    parity_teardown
}

# The places that only root can make, new each time.
make_places() {
    [ "$(id -u)" -eq 0 ] || return 0
    export ERRNOS_READONLY=$PLACES/readonly ERRNOS_OTHER=$PLACES/other ERRNOS_FULL=$PLACES/full
    export ERRNOS_FOREIGN=$PLACES/foreign
    mkdir -p "$ERRNOS_READONLY" "$ERRNOS_OTHER" "$ERRNOS_FULL" "$ERRNOS_FOREIGN/d"
    mount -t tmpfs tmpfs "$ERRNOS_READONLY"
    mkdir "$ERRNOS_READONLY/d"
    echo readonly >"$ERRNOS_READONLY/f"
    mount -t tmpfs -o mode=777 tmpfs "$ERRNOS_OTHER"
    echo other >"$ERRNOS_OTHER/f"
    mount -t tmpfs -o mode=777,size=4k,nr_inodes=2 tmpfs "$ERRNOS_FULL"
    head -c 4096 /dev/zero >"$ERRNOS_FULL/f"
    chmod 666 "$PLACES"/{readonly,other,full}/f
    mount -o remount,ro "$ERRNOS_READONLY"
    echo foreign >"$ERRNOS_FOREIGN/f"
    echo secret >"$ERRNOS_FOREIGN/secret"
    chmod 600 "$ERRNOS_FOREIGN/secret"
    chmod 1777 "$ERRNOS_FOREIGN"
}

remove_places() {
    [ "$(id -u)" -eq 0 ] || return 0
    unmounted "$PLACES/readonly" "$PLACES/other" "$PLACES/full"
    rm -rf "${PLACES:?}"/*
}

# errnos_side plain|shim DIRECTORY
errnos_side() {
    local status=0
    mkdir "$2/e"
    [ ${#AS[@]} -eq 0 ] || chown "$NOBODY" "$2/e"
    make_places
    (cd "$2/e" && sheathed "$1" "$PROG/errnos") >"$BATS_TEST_TMPDIR/$1.out" 2>"$BATS_TEST_TMPDIR/$1.err" || status=$?
    echo "exit status $status" >>"$BATS_TEST_TMPDIR/$1.out"
    remove_places
    rmdir "$2/e"
}

# errnos_in DIRECTORY: thousands of cases there, plain and under the shim
errnos_in() {
    errnos_side plain "$1"
    [ "$(tail -n 1 "$BATS_TEST_TMPDIR/plain.out")" = 'exit status 0' ] || {
        tail -n 2 "$BATS_TEST_TMPDIR/plain.out" "$BATS_TEST_TMPDIR/plain.err" >&2
        return 1
    }
    [ "$(wc -l <"$BATS_TEST_TMPDIR/plain.out")" -gt 15000 ]
    errnos_side shim "$1"
    same "$BATS_TEST_TMPDIR/plain.err" "$BATS_TEST_TMPDIR/shim.err"
    same "$BATS_TEST_TMPDIR/plain.out" "$BATS_TEST_TMPDIR/shim.out"
}

errnos_in_as_user() {
    local AS=(setpriv "--reuid=$NOBODY" "--regid=$NOBODY" --clear-groups)
    errnos_in "$1"
}

@test "C1: every call has its errno, in the temporary directory, as an ordinary user" {
    if [ "$(id -u)" -eq 0 ]; then
        errnos_in_as_user "$BATS_TEST_TMPDIR/fs"
    else
        errnos_in "$BATS_TEST_TMPDIR/fs"
    fi
}

@test "C1: every call has its errno, on tmpfs, as root and as an ordinary user" {
    requires root
    mount -t tmpfs tmpfs "$BATS_TEST_TMPDIR/fs"
    errnos_in "$BATS_TEST_TMPDIR/fs"
    errnos_in_as_user "$BATS_TEST_TMPDIR/fs"
}

@test "C1: every call has its errno, on ext4, as root and as an ordinary user" {
    requires loop
    requires mkfs.ext4
    truncate -s 64M "$BATS_TEST_TMPDIR/image"
    mkfs.ext4 -q "$BATS_TEST_TMPDIR/image"
    mount -o loop "$BATS_TEST_TMPDIR/image" "$BATS_TEST_TMPDIR/fs"
    errnos_in "$BATS_TEST_TMPDIR/fs"
    errnos_in_as_user "$BATS_TEST_TMPDIR/fs"
}

@test "C1: these cases do go through the ring in ring mode" {
    requires uring
    [ "$(id -u)" -ne 0 ] || mount -t tmpfs tmpfs "$BATS_TEST_TMPDIR/fs"
    mkdir "$BATS_TEST_TMPDIR/fs/e"
    (cd "$BATS_TEST_TMPDIR/fs/e" && USHIM_STATS=$BATS_TEST_TMPDIR/stats shim_in ring "$PROG/errnos" >/dev/null)
    grep '"program":"errnos"' "$BATS_TEST_TMPDIR/stats" | grep -o '"submitted":[0-9]*' | tail -1 >"$BATS_TEST_TMPDIR/submitted"
    [ "$(cut -d: -f2 "$BATS_TEST_TMPDIR/submitted")" -gt 10000 ]
}
