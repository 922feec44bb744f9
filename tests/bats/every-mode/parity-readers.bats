# SPDX-License-Identifier: MIT
# C1, programs that walk and read: plain and shim print the same.

load ../parity

setup_file() { parity_setup_file; }
teardown_file() { parity_teardown_file; }
teardown() { parity_teardown; }

@test "C1: find prints the same" {
    parity <<'END'
find "$TREE" -print0 | tr '\0' '\1'
find "$TREE" -ls | awk '{ $2 = ""; print }' | cksum
find "$TREE" -depth -type f -size +1k -printf '%p %s %b %i %n %#m %u %g %T@ %y %l\n'
find -L "$TREE" -name '*.c' -newer "$TREE"/zero
find "$TREE" -xtype l -o -type p -o -perm /6000 | sort
find "$TREE" -samefile "$TREE"/big; find "$TREE" -links +1 -inum +1 -fprintf list '%f\n'
find "$TREE" -maxdepth 2 -empty -exec echo empty {} +
find "$TREE"/many -name 'file1*' -exec cat {} \; | cksum
find "$TREE" -mindepth 1 -prune -type d -readable -printf '%f\n'; find none
cp -a "$TREE"/many .; find many -name '*3*' -delete -print
find many -execdir true {} + -quit; find . -mmin -600 -ok rm {} \; </dev/null | cat
END
}

@test "C1: grep, file, wc, sums and diff print the same" {
    requires file
    parity <<'END'
cd "$TREE"
grep -rn return . -D skip 2>&1 | cksum; grep -rlZ unit1 src | tr '\0' '\n'; grep -c 1 many/* none
grep -r --include='*.h' -L zzz src; grep -q x src; grep -R -D skip unit src 2>&1 | cksum
file -b * many/file1 odd\ names/*; file -i none big; file -L soft loop
wc many/* big; wc -c <big; wc -l none
md5sum src/*.c; sha256sum big odd\ names/*; sha1sum none src; cksum zero sparse/hole
md5sum many/* >"$WORK"/sums; md5sum -c --quiet "$WORK"/sums && echo checked
diff -r src many | head -20; diff src/unit1.c src/unit2.c; diff -q big none
cmp big hard1; cmp big zero; cmp -l src/unit1.c src/unit2.c
od -c -j 1499998 -N 10 sparse/hole; tail -c 20 big; tail -n +29998 big; head -c -168000 big | cksum
strings -n 6 script; nl script; tac many/file1; rev script 2>&1; cut -c1-3 big | uniq -c | wc -l
hexdump -C -n 32 src/unit1.c; xargs -a many/file1 echo | wc -c; comm -12 big zero; join big big | cksum
END
}

@test "C1: cat, tee, split, dd and shred leave the same files" {
    parity <<'END'
cat "$TREE"/many/* none >all; cat - <all >copy; cat all >>all 2>err; cat err
cat copy | tee one two /dev/full | wc -c
cat "$TREE"/big >/dev/full; echo x >/dev/full
split -l 500 -d copy part.; split -n 4 "$TREE"/big quarter.; csplit -s copy 100 200; cat part.* | cmp - copy
dd if="$TREE"/big of=d1 bs=1000 count=50 skip=3 seek=2 status=none
dd if="$TREE"/big of=d1 bs=512 count=5 seek=3 conv=notrunc,fsync status=none
dd if="$TREE"/big of=d2 bs=4k conv=sparse,fdatasync status=none; dd if="$TREE"/sparse/hole of=d3 bs=64k conv=sparse status=none
dd if="$TREE"/big of=d4 ibs=300 obs=7000 conv=ucase,swab status=none; dd if=d4 of=d5 bs=1M iflag=skip_bytes,fullblock skip=77 oflag=append conv=notrunc status=none
dd if="$TREE"/big bs=8k oflag=sync of=d6 status=none; dd if=d6 of=d7 bs=4096 iflag=direct count=3 status=none
cat "$TREE"/big | dd of=d8 bs=777 iflag=fullblock count=20 status=none; dd if=none of=x; dd if="$TREE"/big of=/dev/full count=3 status=none
dd if=d1 of=d1 conv=nocreat,notrunc bs=100 skip=1 status=none; dd of=none conv=nocreat </dev/null
dd if=d8 of=d9 conv=excl status=none; dd if=d8 of=d9 conv=excl
(ulimit -f 10; dd if="$TREE"/big of=limited bs=1000 status=none)
(ulimit -f 10; trap '' XFSZ; dd if="$TREE"/big of=limited2 bs=1000 status=none)
tr a-z A-Z <copy | fold -w 60 | paste - - | expand >t; shuf --random-source="$TREE"/big t >u; truncate -s 7 u; shred -n 1 -u one; sync two; sync -d t; fallocate -l 20000 f; fallocate -p -o 4096 -l 4096 f
mktemp -u XXXXXX | wc -c; mktemp -d d.XXXXXX >/dev/null; rmdir d.*; mkfifo p; cat <"$TREE"/big >p & cksum <p; wait
END
}

@test "C1: sort through temporary files leaves the same" {
    parity <<'END'
mkdir tmp
for i in 1 2 3; do shuf --random-source="$TREE"/big "$TREE"/big; done >in
sort -S 64k --parallel=2 -T tmp in -o out; cksum out; ls tmp
sort -S 64k -T tmp --batch-size=2 -rn in | uniq -c | head -3
sort -u -S 32k -T tmp in -o in; wc in
sort -S 64k -T tmp --compress-program=gzip out | cksum
sort -c out; sort -m in out | cksum; sort none
sort -T none -S 32k out >/dev/null; sort -o none/x in
END
}

@test "C1: sed -i, patch, perl, awk and ed leave the same files" {
    requires patch
    requires perl
    parity <<'END'
cp -a "$TREE"/src "$TREE"/many .
sed -i.bak 's/unit/UNIT/' src/unit1.c; sed -i '/return/d' src/unit2.c src/unit3.c; sed -i s/x/y/ none src
sed -n 'w written' many/file1; sed -i --follow-symlinks 1d many/file2
diff -u "$TREE"/src/unit1.c src/unit1.c | sed '1,2s/\t.*//' >p1 || true
cp -a "$TREE"/src/unit1.c x.c; patch -b x.c <p1; patch -R x.c <p1; patch x.c <p1; patch -f x.c <p1
perl -pi.orig -e 's/int/long/' src/*.c
perl -e 'open F, "+<", "many/file5" or die; seek F, 10, 0; print F "PERL"; truncate F, 50; close F; rename "many/file6", "many/renamed" or die;
  opendir D, "many"; my @n = sort readdir D; print scalar(@n), " $n[2]\n"; closedir D; mkdir "pd" or die; utime 5, 6, "many/file7"; link "many/file7", "pd/l"; symlink "l", "pd/s"; print join(",", (stat "pd/l")[2,3,7,9]), "\n";
  print -e "none" ? 1 : "no: $!", "\n"; unlink "pd/l", "pd/none"; rmdir "pd" or print "$!\n"; sysopen S, "many/file8", 2; sysseek S, 3, 0; syswrite S, "xyz", 2, 1; sysread S, my $b, 5; print $b, "\n"; open G, ">", "none/x" or print "$!\n"'
awk '{ print > ("awk." NR % 3) } END { close("awk.0"); while ((getline line < "awk.0") > 0) n++; print n }' "$TREE"/big
printf '%s\n' 1d 'a' added . w q | ed -s src/unit4.c
printf 'one\ntwo\n' >e; ex -s -c '1d|wq' e 2>/dev/null || true; m4 -Dfoo=bar <<<foo 2>/dev/null || true
tr -d '\n' <many/file1 >many/file1.new; mv many/file1.new many/file1; touch -r x.c many
END
}
