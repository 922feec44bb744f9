# SPDX-License-Identifier: MIT
# C1, coreutils on a tree: plain and shim end alike.

load ../parity

setup_file() { parity_setup_file; }
teardown_file() { parity_teardown_file; }
teardown() { parity_teardown; }

@test "C1: cp -al leaves the same tree" {
    parity <<'END'
cp -alv "$TREE" copy
cp -alv "$TREE"/many copy/
cp -al "$TREE"/big "$TREE"/none copy/
cp -al "$TREE" silent # what is printed ends every deferral
cp -al silent "$TREE"/many again
END
}

@test "C1: cp -a leaves the same tree" {
    parity <<'END'
cp -av "$TREE" copy
cp -a --no-preserve=links "$TREE"/big "$TREE"/hard1 copy/
cp -au "$TREE"/. copy
cp -a "$TREE" silent
END
}

@test "C1: cp -r leaves the same tree" {
    parity <<'END'
cp -rv "$TREE"/src "$TREE"/many "$TREE"/odd\ names "$TREE"/sparse "$TREE"/locked .
cp -rL "$TREE"/soft followed
cp -r --sparse=always "$TREE"/sparse/hole always
cp -r --sparse=never "$TREE"/sparse/nothing never
cp -rs "$TREE"/many symbolic
cp --backup=numbered "$TREE"/zero "$TREE"/many/file1 many
cp --backup=numbered "$TREE"/many/file1 many
cp --reflink=auto "$TREE"/big reflink
cp -r --remove-destination "$TREE"/many/file2 many/file3
cp --parents "$TREE"/many/file5 .
END
}

@test "C1: cp says the same when it fails" {
    parity <<'END'
mkdir d; echo f >f
cp f d/none/x
cp none x
cp d x
cp -r d d/sub
cp f f
cp -r d f
mkdir -p e/f; cp f e
cp f "$(printf '%0256d' 1)"
cp f "$TREE"/loop/x
cp f "$TREE"/dangling
cp f f/x
cp -n f d && cp -n f d
cp /proc/self/mem x
cp /dev/null f && wc -c f
END
}

@test "C1: mv leaves the same tree" {
    PREPARE=own_tree parity <<'END'
mv -v t/many moved
mv -v t/big t/hard1 t/odd\ names moved
mv -v t/src/hard2 t/zero
mv -vT t/empty moved/empty
mv -v --backup=simple t/script t/setuid
mv -n t/private t/zero
mv -f t/private t/zero
mv t/dangling t/loop t/fifo .
mv moved/none x
mv moved moved/below
mv t/zero moved/empty/none/x
mkdir -p full/moved/x; mv moved full
mv t/zero full/moved/x/ && mv full/moved/x/zero/ y
mv -T t/setgid moved
mv . x
mv moved/file1 moved/file1
mkdir new; mv -t new t/src/*; mv new newer
END
}

@test "C1: ln leaves the same tree" {
    PREPARE=own_tree parity <<'END'
ln -v t/big a
ln -v t/many/* t/empty
mkdir new; ln -t new t/many/*; ln -st new t/src/*; ln -sft new t/src/*
ln -sv t/big s
ln -sfv t/zero s
ln -srv t/deep/level1/level2 relative
ln -f t/zero a
ln -b t/script a
ln t/soft l; ln -L t/soft m; ln -P t/dangling n
ln t x
ln none x
ln t/big t/zero
ln t/big t/zero/x
ln -s x "$(printf '%0256d' 1)"
ln -s "$(printf '%05000d' 1)" y
ln -s '' z
ln t/big /proc/x
link t/big linked; unlink linked; unlink t; unlink linked
END
}

@test "C1: rm -rf leaves the same tree" {
    PREPARE=own_tree parity <<'END'
rm -rfv t/many t/odd\ names
rm -rf t/deep t/none
rm t/src
rm t/none
rm -d t/empty; rm -d t/src
rmdir -v t/src
mkdir -p a/b/c; rmdir -pv a/b/c
rmdir t/script
rm -r t/src t/none t/sticky
rm -rf .
rm -f t/dangling t/loop t/fifo t/soft
rm -rf t/src t/sticky t/group
END
}

@test "C1: rm -rf of a whole tree, and of one with more names than a block of a directory holds" {
    PREPARE=own_tree parity <<'END'
rm -rf t
mkdir wide
for i in {1..900}; do : >"wide/a rather long name to fill a directory block $i"; done
rm -rf wide
ls -A
END
}

@test "C1: install and mkdir -p leave the same tree" {
    parity <<'END'
install -vd a/b/c -m 750
install -v -m 4711 "$TREE"/script a/b
install -vD -t deep/er "$TREE"/many/file1 "$TREE"/many/file2
install -p "$TREE"/big a/b/c/big
install -C -v "$TREE"/big a/b/c/big
install -b "$TREE"/zero a/b/c/big
install none a
install "$TREE"/zero none/x
mkdir -vp x/y/z x/y/z
mkdir -pm 700 x/p/q
mkdir x
mkdir none/x
mkdir -p a/b/script/x
mkdir "$(printf '%0256d' 1)"
mkdir /proc/x
umask 027; mkdir masked; mkdir -m 1777 masked/t; mkdir -m a+rwx masked/u
mkfifo -m 600 masked/p; mknod masked/q p
END
}

@test "C1: du, ls -lR and stat print the same" {
    parity <<'END'
cd "$TREE"
du -a; du -hs --apparent-size .; du -a --inodes; du -l .; du -sb many none
du -x --max-depth=1 --time --time-style=full-iso .
ls -lRin --time-style=full-iso --quoting-style=escape .
ls -laZ . ; ls -U many; ls -f src | head -3; ls -lL soft; ls -d */ | cat; ls -sS --block-size=1 many
ls -l none loop/x big/
stat -c '%A %h %U %G %s %n %y %b %B %o %i %D %f %t %T' many/* src fifo dangling sparse/hole
stat -L soft dangling loop
stat -f -c '%T %S %l' .
readlink -f soft src/lib/up; readlink dangling; realpath src/lib/up/unit1.c none/x
test -s zero || echo empty; test -u setuid && test -p fifo && test -L loop && echo modes
test big -nt zero && test big -ef hard1 && echo same
END
}

@test "C1: chmod and chown -R leave the same tree" {
    PREPARE=own_tree parity <<'END'
chmod -Rc go-rwx t
chmod -v u+s,+t t/script t/sticky
chmod --reference=t/script t/zero
chmod 600 none t/zero
chmod -R u=rwX,go=rX t/src t/many
chown -Rc "$(id -u):$(id -g)" t
chown -h "$(id -u)" t/dangling; chown "$(id -u)" t/dangling
chgrp -R "$(id -g)" t/many none
touch -d @7 t/many/*; touch -c none; touch -r t/zero t/new; touch none/x
touch -h -d @8 t/soft; touch -am -t 200001010000 t/big
truncate -s 100 t/many/file1; truncate -s +10 t/many/file2; truncate -s 5 t
END
}

@test "C1: chown to others and root's own bits" {
    requires root
    PREPARE=own_tree parity <<'END'
chown -Rv 12:34 t
chown -R --from=12 56 t/many
chown -hR :78 t/src
chown -RL 1:1 t/src/lib
cp -a t u
END
}

@test "C1: an ordinary user is refused the same" {
    parity_as_user <<'END'
cp -a "$TREE" copy 2>&1
cp -r "$TREE"/private x
cp -al "$TREE" links
mkdir closed open; echo f >closed/f; echo f >open/f; chmod 0 closed; chmod 555 open
ls closed; cat closed/f; rm open/f </dev/null
rm -rf open closed
echo x >open/new; mv open/f x; ln open/f open/g
mkdir open/d; rmdir open; touch open/f /etc/passwd
du closed; find . ! -readable -print -o -type d -print
chmod 600 /etc/passwd; chown 0 open/f
ln /etc/passwd hard; echo x >>/etc/passwd
mkdir /proc/x /usr/x; rmdir /usr; mv /usr/bin/env . # one file: it is copied where that is another file system
install -o root open/f x
tar cf - closed open | tar tf -
chmod 755 closed open; rm -rf copy/locked
chmod -R u+w copy/locked; rm -rf copy
END
}
