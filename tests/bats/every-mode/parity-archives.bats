# SPDX-License-Identifier: MIT
# C1, archivers and synchronisers: plain and shim end alike.

load ../parity

setup_file() { parity_setup_file; }
teardown_file() { parity_teardown_file; }
teardown() { parity_teardown; }

@test "C1: tar c and x leave the same archive and tree" {
    parity <<'END'
export TAR_OPTIONS=--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime
tar --xattrs --xattrs-include='*' --acls --sort=name -cvf all.tar -C "$TREE" .
tar --sparse -cvf sparse.tar -C "$TREE" sparse && tar -xf sparse.tar; rm sparse.tar # holds the process's number
mkdir x; tar --xattrs --xattrs-include='*' --acls -xpvf all.tar -C x
tar -df all.tar -C x && echo no difference
tar -cf - -C "$TREE" many src | tar -xvf - -C x --keep-newer-files
tar -czf some.tgz -C "$TREE" many && tar -tvzf some.tgz
tar -rvf all.tar -C "$TREE" --transform 's,^,again/,' zero && tar -rf all.tar -C "$TREE" script
tar -xf all.tar -C x -k ./zero
tar -xf all.tar --overwrite -C x ./zero script
tar -cf inc.tar -g snap -C "$TREE" many; tar --list -vf inc.tar | cksum; rm snap inc.tar # hold ctimes
tar -xOf all.tar ./many/file1 | cksum
END
}

@test "C1: tar says the same when it fails" {
    parity <<'END'
echo x >f; touch -d @1000000000 f
tar -cf a.tar f none
tar -xf none.tar
tar -xf f
tar -cf none/a.tar f
mkdir -p f2/f; tar -xf a.tar -C f2
head -c 700 a.tar >short.tar; tar -tf short.tar
tar -cf a.tar -C none f
tar --totals -cf /dev/full "$TREE"/big
END
}

@test "C1: rsync -a and --link-dest leave the same tree" {
    requires rsync
    parity <<'END'
rsync -aHAXS "$TREE"/ one
rsync -a --link-dest="$PWD/one" -i "$TREE"/ two | sort
echo changed >one/zero; touch -d @77 one/big; rm -r one/many
rsync -aHi --delete --checksum "$TREE"/ one | sort
rsync -rlpt --inplace --whole-file one/src/ three
rsync -a --exclude='*.c' --backup --suffix=.old "$TREE"/src/ three
rsync -an --itemize-changes --delete one/ three | sort
rsync -a none four 2>&1 | sed 's/([0-9]*)//'
rsync -a --remove-source-files three/lib/ five
END
}

@test "C1: cpio copies out, in and through alike" {
    requires cpio
    parity <<'END'
cd "$TREE"; find src many sparse -depth -print0 | sort -z >"$WORK"/list; cd "$WORK"
(cd "$TREE" && cpio -0 -o -H newc --reproducible <"$WORK"/list) >a.cpio
mkdir x y; (cd x && cpio -idmv <../a.cpio)
(cd "$TREE" && cpio -0 -pdml "$WORK"/y <"$WORK"/list)
cpio -it <a.cpio | cksum
cpio -i <list
rm a.cpio # holds inode numbers
END
}

@test "C1: compressors leave the same files" {
    requires xz
    requires zstd
    parity <<'END'
cp -p "$TREE"/big a; cp a b; cp a c; cp a d
xz -kv --threads=2 a 2>/dev/null; xz -t a.xz; xzcat a.xz | cmp - a
xz a; xz -d a; rm a; xz -d a.xz; xz -c none
gzip -n b; zcat b.gz | cmp - a; gzip -d b.gz; gzip -l b
bzip2 c; bunzip2 -c c.bz2 | cmp - a
zstd -q -T2 d -o d.zst; zstd -q -dc d.zst | cmp - a; zstd -q --rm d -o e.zst; echo x >x.zst; zstd -q -d x.zst
xz -c "$TREE"/big >/dev/full; gzip -c b >/dev/full
END
}

@test "C1: across file systems, and on one that is full" {
    requires root
    mkdir "$BATS_TEST_TMPDIR/small"
    PREPARE=small_tmpfs
    AFTER=small_gone
    SMALL=$BATS_TEST_TMPDIR/small
    parity <<'END'
cp -a "$TREE"/src "$TREE"/odd\ names .
mv -v src "$SMALL" | sort; mv -v odd\ names/* "$SMALL"/src/lib/
mv "$SMALL"/src/unit1.c "$SMALL"/src/lib "$WORK"
ln "$SMALL"/src/unit2.c x
cp -al "$SMALL"/src y 2>&1 | sort # in the order of inode numbers
python3 -c 'import os; os.rename(os.environ["SMALL"] + "/src/unit3.c", "z")' 2>&1 | tail -1
cp -a "$TREE"/big "$SMALL" && dd if=/dev/zero of="$SMALL"/fill bs=64k 2>&1 | grep -v copied
cp "$TREE"/big "$SMALL"/more
stat -c %s "$SMALL"/fill "$SMALL"/more
mv "$WORK"/lib "$SMALL"/ 2>&1 | sort
tar -C "$TREE" -cf "$SMALL"/a.tar many
tar -C "$TREE" -cf - many | tar -C "$SMALL" -xf -
echo text >"$SMALL"/text
sort "$TREE"/big -o "$SMALL"/sorted
rsync -a "$TREE"/many "$SMALL"/ 2>&1 | grep -c 'No space'
git init -q "$SMALL"/repo
sqlite3 "$SMALL"/db 'create table t(a); insert into t values(zeroblob(100000));'
rm "$SMALL"/fill; cp "$TREE"/zero "$SMALL"/fits
find "$SMALL" | sort | head -50
END
}

small_tmpfs() {
    mount -t tmpfs -o size=1m,nr_inodes=80 tmpfs "$SMALL"
}

small_gone() {
    unmounted "$SMALL"
}
