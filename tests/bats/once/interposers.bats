#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C1, C10: other preloaded libraries. One behind this works only while every call reaches it; so what it
# defines, and its kin, is neither answered, acknowledged nor sent through the ring, and counted.

load ../common
load ../slow

MODES='auto auto-forced strict-forced ring'

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
    [ ! -d "$BATS_TEST_TMPDIR/mnt" ] || leave_slow
}

# files DIRECTORY COUNT
files() {
    mkdir "$1"
    for i in $(seq "$2"); do
        echo "$i" >"$1/f$i"
    done
}

# interposer NAME: NAME.so. times: every file is of 2001. links: what is linked is told to the file told.
# syncs: they do nothing but tell.
interposer() {
    requires gcc
    {
        cat <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
static void tell(const char *what)
{
	int fd = open(TOLD, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (write(fd, what, strlen(what)) < 0 || close(fd))
		_exit(99);
}
END
        case $1 in
        times) cat <<'END' ;;
#define FAKE(name, params, args, field) \
	int name params { int (*next) params = dlsym(RTLD_NEXT, #name); int value = next args; \
		if (!value) field = 1000000000; return value; }
FAKE(stat, (const char *p, struct stat *s), (p, s), s->st_mtim.tv_sec)
FAKE(lstat, (const char *p, struct stat *s), (p, s), s->st_mtim.tv_sec)
FAKE(fstatat, (int d, const char *p, struct stat *s, int f), (d, p, s, f), s->st_mtim.tv_sec)
FAKE(statx, (int d, const char *p, int f, unsigned m, struct statx *s), (d, p, f, m, s), s->stx_mtime.tv_sec)
END
        links) cat <<'END' ;;
int linkat(int a, const char *from, int b, const char *to, int flags)
{
	int (*next)(int, const char *, int, const char *, int) = dlsym(RTLD_NEXT, "linkat");
	tell("link\n");
	return next(a, from, b, to, flags);
}
END
        syncs) cat <<'END' ;;
int fsync(int fd) { tell("sync\n"); return 0; }
END
        esac
    } >"$1.c"
    gcc -w -shared -fPIC "-DTOLD=\"$BATS_TEST_TMPDIR/told\"" -o "$BATS_TEST_TMPDIR/$1.so" "$1.c"
}

# alike WHERE NAME COMMAND...: with NAME.so behind or before the library, or loaded by another one, as with
# NAME.so alone; the last one's record is in record.
alike() {
    local where=$1 so=$BATS_TEST_TMPDIR/$2.so mode with
    shift 2
    rm -rf made "$BATS_TEST_TMPDIR/told"
    LD_PRELOAD=$so "$@" >plain
    [ ! -e "$BATS_TEST_TMPDIR/told" ] || mv "$BATS_TEST_TMPDIR/told" told.plain
    for mode in $MODES; do
        case $where in
        behind) with=$LIB:$so ;;
        before) with=$so:$LIB ;;
        esac
        rm -rf made "$BATS_TEST_TMPDIR/told"
        LIB=$with shim_in "$mode" env USHIM_STATS="$PWD/record.$mode" "$@" >out
        same plain out || fail "$where, $mode" || return
        [ ! -e told.plain ] || same told.plain "$BATS_TEST_TMPDIR/told" || fail "$where, $mode" || return
    done
}

# counted NAME: among the records there are calls of the operation made for that reason.
counted() {
    cat record.* | jq -s -e "[.[].ops.$1.interposed // 0] | add > 0" >/dev/null || fail "not counted: $1"
}

both_ways() {
    interposer times
    files d 100
    for where in before behind; do
        alike $where times ls -l --time-style=+%Y d
        grep -q 2001 plain
        alike $where times find d -name 'f*' -printf '%TY %f\n'
    done
    counted STATX
    interposer links
    for where in before behind; do
        alike $where links cp -al d made
    done
    [ "$(wc -l <told.plain)" -eq 100 ]
    counted LINKAT
    rm told.plain
    interposer syncs
    for where in before behind; do
        alike $where syncs sync d/f1 d/f2 d/f3 d/f4 d/f5 d/f6 d/f7 d/f8 d/f9
    done
    [ "$(wc -l <told.plain)" -eq 9 ]
}

@test "C1: what another preloaded library makes of calls is seen, behind this one and before it" {
    both_ways
}

@test "C1: so it is on slow storage" {
    requires_slow
    enter_slow --delay=200us
    both_ways
}

@test "C1: a library loaded for all by dlopen changes no more than without" {
    requires gcc
    interposer times
    files d 50
    cat >loads.c <<'END'
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <sys/stat.h>
int main(int argc, char **argv)
{
	void *library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
	int (*of)(const char *, struct stat *) = dlsym(library, "lstat");
	struct dirent *entry;
	struct stat stat;
	char path[300];
	DIR *stream = opendir("d");
	while ((entry = readdir(stream))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "d/%s", entry->d_name);
		lstat(path, &stat);
		printf("%d ", stat.st_mtime == 1000000000);
		of(path, &stat);
		printf("%d\n", stat.st_mtime == 1000000000);
	}
	return 0;
}
END
    gcc -o loads loads.c -ldl
    ./loads ./times.so >plain
    for mode in $MODES; do
        shim_in "$mode" ./loads ./times.so >out
        same plain out
    done
}

@test "C1: fakeroot works, started before the library and after it" {
    requires fakeroot
    let_everybody_in
    chmod 777 .
    # shellcheck disable=SC2016 # for the inner shell
    local library=$LIB day='chown -R 12:34 d && cp -a d made && ls -ln --time-style=+ made && find made -printf "%U %G %f\n" && rm -r made'
    as_user sh -c 'mkdir d && for i in $(seq 40); do echo $i >d/f$i; done'
    as_user fakeroot sh -c "$day" | sort >plain
    [ "$(grep -c '12 *34' plain)" -eq 81 ]
    for mode in $MODES; do
        shim_in "$mode" as_user fakeroot sh -c "$day" | sort >out
        same plain out || fail "before, $mode"
        # shellcheck disable=SC2016 # for the inner shell
        LIB='' shim_in "$mode" as_user fakeroot sh -c 'LD_PRELOAD=$1:$LD_PRELOAD exec sh -c "$2"' sh "$library" "$day" | sort >out
        same plain out || fail "after, $mode"
    done
}

@test "C10: ushim-doctor names what another library gets" {
    requires uring
    interposer links
    run env LD_PRELOAD="$PWD/links.so" "$ROOT/tools/ushim-doctor"
    [[ $output == *"note  preloads"*"links.so"*"LINKAT"* ]] || fail "$output"
}
