# SPDX-License-Identifier: MIT
# C1, databases, version control, package tools, interpreters, compilers: plain and shim end alike.

load ../parity

setup_file() { parity_setup_file; }
teardown_file() { parity_teardown_file; }
teardown() { parity_teardown; }

@test "C1: git leaves the same repositories" {
    requires git
    parity <<'END'
export GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat GIT_TERMINAL_PROMPT=0
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@example.org
export GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000'
git config --global pack.threads 1; git config --global gc.autoDetach false; git config --global core.fsync all
git init -b main r; cd r; cp -r "$TREE"/src "$TREE"/many "$TREE"/script "$TREE"/soft .
git add -v . ; git commit -m one; git status; git log --stat --oneline | tail -3
git checkout -b side; git mv many/file1 many/renamed; git rm -q many/file2; echo change >>many/file3; git status --porcelain; git commit -qam two
git checkout main; echo other >>many/file4; git diff; git stash; git stash pop; git commit -qam three; git merge -m merged side; git log --graph --oneline
git tag -a -m tagged v1; git branch -D side; git gc --prune=now --quiet; git fsck --full --strict; git count-objects -v | grep -v size
git clone -q . ../local; git clone -q --bare file://"$PWD" ../bare; git clone -q --depth 1 file://"$PWD" ../shallow; git worktree add -q ../tree v1
git archive --format=tar HEAD | cksum; git bundle create -q ../b.bundle main; git repack -adfq; git reset -q --hard HEAD~1; git clean -xfdn; git reflog
git push -q ../bare main:pushed; cd ../local; git pull -q; git checkout -q none; git grep -c return | head -3; git -C /nowhere status; git clone none x
for repository in ../r ../local ../shallow ../tree; do git -C $repository ls-files -s | cksum; done
cd ..; find . -name index -delete # inode numbers and ctimes
find . -name 'gc.pid*' -o -name logs | sort; find . -path '*/logs/*' -type f -exec sed -i 's/ [0-9]* +0000/ DATE/' {} +
END
}

@test "C1: sqlite3 leaves the same databases, with a journal and with a log" {
    requires sqlite3
    parity <<'END'
for mode in delete truncate persist wal memory off; do
    sqlite3 $mode.db "pragma journal_mode=$mode; pragma synchronous=$([ $mode = off ] && echo off || echo full);" \
        'create table t(a integer primary key, b text); create index i on t(b);' \
        'with recursive n(x) as (select 1 union all select x+1 from n where x<2000) insert into t select x, printf("%032d", x*7919%2003) from n;' \
        'begin; delete from t where a%3=0; savepoint s; update t set b=b||b where a%5=0; rollback to s; insert into t(b) values(zeroblob(50000)); commit;' \
        'begin; delete from t; rollback;' 'select count(*), sum(length(b)) from t;' 'pragma integrity_check;'
    sqlite3 $mode.db "attach 'other-$mode.db' as o; create table o.u as select * from t; vacuum; pragma quick_check;"
done
sqlite3 wal.db 'pragma wal_checkpoint(truncate); pragma page_count;' '.backup copy.db' && cmp wal.db copy.db; sqlite3 wal.db .dump | cksum
sqlite3 none/x.db 'create table t(a);'; echo garbage-garbage-garbage-garbage >bad.db; sqlite3 bad.db 'select * from t;'; sqlite3 -readonly delete.db 'delete from t;'
(sqlite3 delete.db 'begin exclusive; select 1;' '.shell sqlite3 delete.db "insert into t(b) values(1);"; echo $?')
for i in 1 2 3; do sqlite3 -cmd '.timeout 20000' wal.db 'insert into t(b) values("x");' & done; wait; sqlite3 wal.db 'select count(*) from t; pragma integrity_check;'
rm -f persist.db-journal # holds a random number
sqlite3 wal.db 'pragma wal_checkpoint(truncate);'; rm -f wal.db # writers came in any order
END
}

package() {
    mkdir -p "$1/DEBIAN" "$1/usr/share/$1/sub" "$1/etc"
    printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: m <m@example.org>\nDescription: d\n%s' "$1" "$2" >"$1/DEBIAN/control"
    printf 'conf %s\n' "$1" >"$1/etc/$1.conf"
    printf '/etc/%s.conf\n' "$1" >"$1/DEBIAN/conffiles"
    cp "$TREE"/src/*.c "$1/usr/share/$1/sub"
    cp "$TREE"/big "$1/usr/share/$1"
    ln "$1/usr/share/$1/big" "$1/usr/share/$1/sub/linked"
    ln -s ../big "$1/usr/share/$1/sub/soft"
    find "$1" -print0 | xargs -0 touch -h -d @1000000000
}

packages() {
    (umask 022 && cd "$WORK" && package one '' && package two 'Depends: one
')
}

@test "C1: dpkg-deb builds and unpacks the same" {
    requires dpkg-deb
    PREPARE=packages parity <<'END'
dpkg-deb --root-owner-group -Zxz -b one one.deb; dpkg-deb --root-owner-group -Zgzip -b two two.deb; sha256sum one.deb two.deb
dpkg-deb -I one.deb; dpkg-deb -c two.deb; dpkg-deb -x one.deb x; dpkg-deb -R two.deb raw; dpkg-deb -f one.deb Version; dpkg-deb -W two.deb
dpkg-deb -x none.deb y; echo bad >bad.deb; dpkg-deb -x bad.deb y; dpkg-deb -b none; dpkg-deb -b one none/x.deb; dpkg-deb --ctrl-tarfile one.deb | tar -t
END
}

@test "C1: dpkg --root installs, upgrades and removes the same" {
    requires root
    requires dpkg
    PREPARE=packages parity <<'END'
for p in one two; do dpkg-deb --root-owner-group -Zgzip -b $p $p.deb; done
mkdir -p root/var/lib/dpkg/{info,updates,triggers} root/var/lib/dpkg/parts root/var/log root/tmp; : >root/var/lib/dpkg/status; : >root/var/lib/dpkg/available
dpkg() { command dpkg --root="$PWD/root" --log=/dev/null --force-not-root --force-script-chrootless "$@"; }
dpkg -i two.deb; dpkg -i one.deb; dpkg --configure -a; dpkg -l | cat; dpkg -L one; dpkg -S big; dpkg -s two; dpkg --verify
echo changed >>root/etc/one.conf; rm root/usr/share/one/big; dpkg --verify; sed -i 's/^Version: 1/Version: 2/' one/DEBIAN/control
printf '#!/bin/sh\necho "script $1" >>"$DPKG_ROOT"/tmp/ran\n' >one/DEBIAN/postinst; chmod 755 one/DEBIAN/postinst; touch -d @1000000000 one/DEBIAN/* one/DEBIAN
dpkg-deb --root-owner-group -Znone -b one one2.deb; dpkg -i --force-confdef one2.deb; dpkg -r one; dpkg -r two; dpkg -P one two; dpkg -i none.deb; dpkg --audit
END
}

@test "C1: python3 sees and leaves the same" {
    requires python3
    parity <<'END'
cat >p.py <<'PY'
import asyncio, concurrent.futures, errno, glob, hashlib, json, mmap, os, pathlib, shutil, stat, subprocess, sys, tempfile, threading, zipfile
tree = os.environ["TREE"]
shutil.copytree(tree + "/src", "copy", symlinks=True, ignore=shutil.ignore_patterns("pipe"))
shutil.copytree(tree + "/many", "many"); shutil.move("many/file1", "moved"); shutil.copy2(tree + "/big", "big2")
shutil.make_archive("archive", "zip", "many") and print(sorted(zipfile.ZipFile("archive.zip").namelist())); os.remove("archive.zip")
print(sorted((e.name, e.is_dir(follow_symlinks=False), e.is_symlink(), e.stat(follow_symlinks=False).st_nlink) for e in os.scandir(tree)))
print(sorted(os.fsencode(n) for n in os.listdir(tree + "/odd names")), sum(len(f) for _, _, f in os.walk(tree)))
print(subprocess.run(["sh", "-c", "cat; echo err >&2; exit 3"], input=b"in", capture_output=True))
print(subprocess.check_output(["ls", "many"], close_fds=True).count(b"\n"), subprocess.Popen("exit 4", shell=True).wait())
def work(i):
    name = "thread%d" % i
    with open(name, "w+b", buffering=0) as f:
        for k in range(50): f.write(b"%d %d\n" % (i, k))
        os.fsync(f.fileno()); f.seek(0); data = f.read()
        os.pwrite(f.fileno(), b"XX", 4); part = os.pread(f.fileno(), 8, 0)
    os.rename(name, name + ".done"); os.link(name + ".done", name + ".link"); os.stat(name + ".link")
    return hashlib.md5(data).hexdigest(), part
with concurrent.futures.ThreadPoolExecutor(8) as pool: print(list(pool.map(work, range(24))))
async def main():
    p = [await asyncio.create_subprocess_exec("cksum", "many/file%d" % i, stdout=asyncio.subprocess.PIPE) for i in range(5, 10)]
    print([(await x.communicate())[0] for x in p]); print(await asyncio.gather(*(asyncio.to_thread(os.path.getsize, "many/file%d" % i) for i in range(5, 20))))
    r, w = await asyncio.open_connection(sock=(s := __import__("socket").socketpair())[0]); s[1].send(b"hello\n"); print(await r.readline()); w.close(); s[1].close()
asyncio.run(main())
with open("m", "w+b") as f:
    f.truncate(8192); m = mmap.mmap(f.fileno(), 0); m[5:10] = b"mmap!"; m.flush(); f.seek(5); print(f.read(5)); m.close()
for call in (lambda: os.open("none", 0), lambda: os.mkdir("many"), lambda: os.rmdir("many"), lambda: os.unlink("many"), lambda: os.rename("none", "x"), lambda: os.link("m", "big2"),
             lambda: os.open("many", os.O_WRONLY), lambda: os.listdir("m"), lambda: os.readlink("m"), lambda: os.stat("m/x"), lambda: os.getxattr("m", "user.none"), lambda: os.pread(0, 1, -1), lambda: os.write(999, b"x"),
             lambda: os.symlink("x", "m"), lambda: os.truncate("many", 3), lambda: os.posix_fallocate(999, 0, 1), lambda: os.preadv(999, [bytearray(2)], 0), lambda: os.sendfile(999, 998, 0, 1), lambda: os.copy_file_range(999, 998, 3)):
    try: print(call())
    except OSError as e: print(e)
pid = os.fork()
if not pid:
    open("child", "w").write("child"); os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), open("child").read())
with tempfile.TemporaryDirectory(dir=".") as d, tempfile.TemporaryFile(dir=d) as t: t.write(b"x" * 70000); t.seek(0); print(len(t.read()))
fd = os.open("many", os.O_RDONLY); os.mkdir("sub", dir_fd=fd); os.replace("file9", "sub/9", src_dir_fd=fd, dst_dir_fd=fd); print(os.stat("sub/9", dir_fd=fd).st_size); os.close(fd)
os.setxattr("m", "user.p", b"v"); print(os.listxattr("m"), os.getxattr("m", "user.p")); os.chmod("m", 0o640); os.utime("m", ns=(1, 2)); print(pathlib.Path("m").stat().st_mtime_ns, len(glob.glob("**/*.c", recursive=True)))
print(open("/proc/self/comm").read(), os.open("m", os.O_RDONLY), sorted(os.listdir("/proc/self/fd"))); shutil.rmtree("copy"); os.removedirs("many/sub") if not os.listdir("many/sub") else print("left")
print("thread count", threading.active_count()); sys.stdout.flush(); os.close(1)
PY
python3 -I p.py; python3 -I -m compileall -q --invalidation-mode unchecked-hash . ; python3 -c 'import sys; sys.exit(5)'; python3 -c 'import os; os.kill(os.getpid(), 15)'; echo 'print(1)' | python3 -
END
}

@test "C1: files made durable one after another are the same" {
    requires python3
    parity <<'END'
cat >d.py <<'PY'
import os
files = [os.open("mail%02d" % i, os.O_RDWR | os.O_CREAT, 0o600) for i in range(48)]
for i, f in enumerate(files): os.write(f, b"message %d\n" % i * 100)
for i, f in enumerate(files):
    os.fsync(f)
    if i % 7 == 3: os.pwrite(files[(i + 2) % 48], b"changed", 10); os.ftruncate(files[(i + 5) % 48], 50)
for f in files[::5]: os.fdatasync(f)
for f in files: os.close(f)
for i in range(48):
    f = os.open("mail%02d" % i, os.O_RDONLY); os.fsync(f); print(f, os.fstat(f).st_size, os.read(f, 40)); os.close(f)
    os.rename("mail%02d" % i, "new%02d" % (i % 40))
PY
python3 -I d.py; sync new*; sync -d new0*; sync none new01; rm d.py
END
}

project() {
    cp -a "$TREE/src" "$WORK"
    rm "$WORK/src/lib/up" "$WORK/src/pipe"
    {
        # shellcheck disable=SC2016 # make expands it
        printf '%s\n' 'OBJ := $(patsubst %.c,%.o,$(wildcard unit*.c))' 'CFLAGS := -O1 -g -Ilib -MMD' 'all: main test' \
            'libunit.a: $(OBJ)' '	$(AR) rcD $@ $^' 'libunit.so: $(OBJ:.o=.lo)' '	$(CC) -shared -o $@ $^' \
            '%.lo: %.c' '	$(CC) $(CFLAGS) -fPIC -c -o $@ $<' 'main: main.o libunit.a libunit.so' \
            '	$(CC) -o $@ main.o -L. -l:libunit.a' 'test: main' '	./main > $@; echo "$$(wc -l < $@) lines"' \
            'broken:' '	$(CC) -c broken.c' 'clean:' '	rm -f *.o *.lo *.d main test lib*.*' '-include *.d'
    } >"$WORK/src/Makefile"
    {
        printf '#include <stdio.h>\n'
        printf '#include "unit%d.h"\n' {1..12}
        printf 'int main(void)\n{\n'
        printf '\tprintf("%%%%d\\n", unit%d());\n' {1..12} | sed 's/%%/%/'
        printf '\treturn 0;\n}\n'
    } >"$WORK/src/main.c"
}

@test "C1: gcc and make build the same" {
    requires gcc
    requires make
    PREPARE=project parity <<'END'
cd src; make; make; touch lib/unit3.h; make -j2 -O 2>&1 | sort; make -n -B main | head -5; cat test; make none; echo 'int x = y;' >broken.c; make broken; make -k broken none; make -C none
gcc -c none.c; gcc -o none/x main.o; nm libunit.a | cksum; strip -o stripped main; objcopy -O binary main raw; ar t libunit.a; ranlib -D libunit.a; ./stripped | tail -1; gcc -E main.c | cksum; gcc -flto -O2 -c unit1.c -o lto.o && rm lto.o; make clean
END
}

@test "C1: bash scripts with pipes, jobs, traps and redirections leave the same" {
    parity <<'END'
cat "$TREE"/big | tr 0 o | sort -r | head -n 3 | tee piped; echo ${PIPESTATUS[@]}
for i in 1 2 3 4; do { sleep 0; echo "job $i" >job$i; exit $i; } & pids[i]=$!; done; for i in 1 2 3 4; do wait ${pids[i]}; echo $?; done
(trap 'echo trapped >&2; exit 5' TERM; kill -TERM $BASHPID; echo not reached); (trap 'echo leaving' EXIT; false); (kill -9 $BASHPID); (trap '' PIPE; yes | head -1); bash -c 'kill -SEGV $$'
exec 3>three 4<"$TREE"/zero 5<>five; echo to three >&3; echo five >&5; read -r x <&4; exec 3>&- 4<&- 5>&-; cat three five; exec 6>>three; echo more >&6; exec 6>&-
{ echo out; echo err >&2; } >both 2>&1; { echo out; echo err >&2; } 2>&1 >/dev/null | cat; echo x >&9; echo x >none/x; cat <none; set -o noclobber; echo x >both; echo y >|both; set +o noclobber
while read -r line; do n=$((${n:-0} + 1)); [ "$n" -lt 5 ] || break; done <"$TREE"/big; echo $n; mapfile -t lines <"$TREE"/many/file1; echo ${#lines[@]}; read -rN 7 chars <"$TREE"/big; echo "$chars"
diff <(sort "$TREE"/big) <(sort -u "$TREE"/big) && echo same; echo hi > >(cat >sub); wait $!; cat <<<here; cat <<X
doc $((6*7))
X
(read -r a; read -r b; echo "$b") <"$TREE"/big; { read -r a; cat; } <"$TREE"/many/file2 | wc -c; { head -1; head -1; } < <(printf '1\n2\n') | head -1
coproc c { cat; }; echo coprocess >&"${c[1]}"; read -r l <&"${c[0]}"; echo "$l"; exec {c[1]}>&-; wait; echo *[0-9] "$TREE"/odd*/* | cksum; compgen -f "$TREE"/s; printf '%s\n' "$TREE"/**/unit1.*
umask 077; mkdir u; : >u/f; umask 022; cd u; cd -; cd none; pushd u; popd; [ -e u/f ] && test ! -d u/f && echo tests; ulimit -n 40; exec 20>twenty; echo 20 >&20; exec 20>&-; ls /proc/self/fd | wc -l
x=$(<"$TREE"/many/file3); echo ${#x}; f() { local IFS=:; echo "$*"; return 3; }; f a b; source none; source <(echo echo sourced); eval 'echo $((1/0))'; (exec none); exec -a name sh -c 'echo $0; exit 6'
END
}

@test "C1: dash scripts with pipes, jobs and traps leave the same" {
    requires dash
    parity <<'END'
cat >d.sh <<'D'
cat "$TREE"/big | sort -r | head -n 2; for i in 1 2 3; do (echo $i >j$i; exit $i) & p="$p $!"; done; for q in $p; do wait $q; echo $?; done
trap 'echo exit' EXIT; trap 'echo usr' USR1; kill -USR1 $$; exec 3>three; echo x >&3; exec 3>&-; exec 4<"$TREE"/big; read a <&4; read b <&4; echo "$a $b"; head -1 <&4 >after
{ echo o; echo e >&2; } 2>&1 | cat; cat <<X | tr a-z A-Z
here $a
X
(exit 4) || echo $?; sh -c 'kill -9 $$' ; echo $?; cat <none; echo x >none/x; set -C; echo x >three; set +C; while read l; do n=$((n+1)); done <"$TREE"/many/file1; echo $n
mkdir d; cd d; : >f; cd ..; rm -r d; test -f d/f || echo gone; . ./none; echo not reached
D
dash d.sh; echo $?; dash -c 'exec cat /dev/null'; dash -c 'echo text >&7'; echo 'read x; echo $x; cat
input
rest' | dash; dash -c 'trap "echo end >trapped" EXIT; exit 9'; dash none.sh; (cd / && dash -e -c 'false; echo no')
END
}
