#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# C8, C10: programs that sandbox themselves, or that another tool has already got hold of.

load ../common

setup() {
    chmod o+x "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
    mkdir -m 777 "$BATS_TEST_TMPDIR/work"
    cd "$BATS_TEST_TMPDIR/work" || return
}

# identical COMMAND...: status, stdout and stderr are those of a plain run.
identical() {
    local plain=0 shim=0
    "$@" >plain.out 2>plain.err || plain=$?
    shim "$@" >shim.out 2>shim.err || shim=$?
    [ "$plain" -eq "$shim" ] || fail "exit status $shim, plain $plain: $(cat shim.err)"
    same plain.out shim.out
    same plain.err shim.err
}

# source: a small program whose result depends on file calls.
source_of_program() {
    cat <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void)
{
	char buffer[8] = "";
	struct stat st;
	int made = mkdir("made", 0755), fd = open("made/file", O_RDWR | O_CREAT, 0644);
	int wrote = (int)write(fd, "content", 7), at = (int)lseek(fd, 0, SEEK_SET);
	int got = (int)read(fd, buffer, 7), known = fstat(fd, &st), synced = fsync(fd);
	int linked = link("made/file", "made/link"), closed = close(fd), again = close(fd);

	printf("%d %d %d %d %s %d %d %d %d %d %d\n", made, wrote, at, got, buffer, known,
	       (int)st.st_size, synced, linked, closed, again);
	made = unlink("made/link") + unlink("made/file");
	printf("%d %d\n", made, rmdir("made"));
	return 0;
}
END
}

@test "C8: file, which installs a seccomp filter, works as without" {
    requires file
    identical file /bin/ls /etc/passwd "$LIB" .
    grep -q 'ELF 64-bit' shim.out
}

@test "C8: man, whose parts install seccomp filters, works as without" {
    requires man
    requires groff
    printf '.TH PAGE 1\n.SH NAME\npage \\- a page to be shown\n' >page.1
    identical man -l page.1
    grep -q 'a page to be shown' shim.out
}

@test "C8: a program built with ASan works with ASan's library preloaded first" {
    requires gcc
    source_of_program >program.c
    gcc -fsanitize=address -o program program.c || skip "requires gcc's libasan"
    local asan
    asan=$(gcc -print-file-name=libasan.so)
    ./program >plain.out 2>plain.err
    LIB=$asan:$LIB shim ./program >shim.out 2>shim.err
    same plain.out shim.out
    same plain.err shim.err
}

@test "C8: a program built with ASan says itself that its library has to come first" {
    requires gcc
    source_of_program >program.c
    gcc -fsanitize=address -o program program.c || skip "requires gcc's libasan"
    run -1 shim ./program
    [[ $output == *"ASan runtime does not come first"* ]]
}

@test "C10: under valgrind results and findings are the plain run's" {
    requires valgrind
    identical valgrind -q --error-exitcode=9 "$PROG/branch-on-read"
    [ "$(cat shim.out)" = "0 wrong" ]
    [ ! -s shim.err ]
}

@test "C8: a program of another libc starts and works as without" {
    requires musl-gcc
    source_of_program >program.c
    musl-gcc -o program program.c
    identical ./program
    grep -q '^0 7 0 7 content 0 7 0 0 0 -1$' shim.out
}

@test "C8: a static program works as without" {
    requires gcc
    source_of_program >program.c
    gcc -static -o program program.c
    identical ./program
}
