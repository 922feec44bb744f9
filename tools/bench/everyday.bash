# shellcheck shell=bash disable=SC2016,SC2153,SC2154 # $ is expanded where it runs; LIB, WORK, BUILD, MNT, slow_begin, ... are run's or ahead's
# SPDX-License-Identifier: MIT
#
# everyday: what people run on slow storage, one row a command, losses first. Read by run, after
# ahead.
#
# A row is prepared anew and run plain, with the library and as its peer (what a user would write
# to have the same done by many processes at once) in turn. What a run of the library's printed,
# ended with and left behind has to be what the plain run did: a row that gains and differs is a
# fault.

# ---- the table -----------------------------------------------------------------------

# Each row: name, what is prepared, the command, the peer's tool, the peer. Paths are below $WORK:
#   back       what slowfs keeps, mounted as mnt for the command
#     tree       20 directories of 25 files
#     modules    a tree as a package manager leaves it: 600 files in 130 directories, four levels
#     repo       tree in git; its branch other has another line in 10 files of each directory
#     package    20 packages of 25 modules each, compiled
#     make       500 objects newer than their sources
#     dst        what the command makes or changes, as prepared
#   local      on this disk: tree, its archives, and repo
everyday_table() {
    local each='ls mnt/tree | xargs -P 20 -I{}' into='mkdir -p mnt/dst && ls local/tree | xargs -P 20 -I{}'
    local packages='ls mnt/modules | xargs -P 20 -I{}' files='find mnt/tree -type f | xargs -P 20 -n 25'
    local python

    python=$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null) # not a wrapper of it

    row 'cp -al' nothing 'cp -al mnt/tree mnt/dst' xargs "$into cp -al mnt/tree/{} mnt/dst/{}"
    row 'cp -rl' nothing 'cp -rl mnt/tree mnt/dst' xargs "$into cp -rl mnt/tree/{} mnt/dst/{}"
    row 'cp -r' nothing 'cp -r mnt/tree mnt/dst' xargs "$into cp -r mnt/tree/{} mnt/dst/{}"
    row 'cp -a' nothing 'cp -a mnt/tree mnt/dst' xargs "$into cp -a mnt/tree/{} mnt/dst/{}"
    row 'cp -r, from local' nothing 'cp -r local/tree mnt/dst' xargs "$into cp -r local/tree/{} mnt/dst/{}"
    row 'mv in, from local' moved 'mv local/moved mnt/dst' xargs "$into mv local/moved/{} mnt/dst/{}"
    row 'tar x' empty 'tar xf local/tree.tar -C mnt/dst' xargs \
        "mkdir mnt/dst/tree && $into tar xf local/tree.tar -C mnt/dst tree/{}"
    row 'tar xz' empty 'tar xzf local/tree.tar.gz -C mnt/dst' xargs \
        "mkdir mnt/dst/tree && $into tar xzf local/tree.tar.gz -C mnt/dst tree/{}"
    row 'unzip' empty 'unzip -q local/tree.zip -d mnt/dst' xargs \
        "mkdir mnt/dst/tree && $into unzip -q local/tree.zip 'tree/{}/*' -d mnt/dst"
    row 'rsync, new' nothing 'rsync -a mnt/tree/ mnt/dst' xargs "$into rsync -a mnt/tree/{} mnt/dst"
    row 'rsync, again' copy 'rsync -a mnt/tree/ mnt/dst' xargs "$into rsync -a mnt/tree/{} mnt/dst"
    row 'rsync --link-dest' nothing "rsync -a --link-dest=$MNT/tree mnt/tree/ mnt/dst" xargs \
        "$into rsync -a --link-dest=$MNT/tree mnt/tree/{} mnt/dst"
    row 'git clone' nothing 'git clone -q local/repo mnt/dst' git \
        'git -c checkout.workers=20 clone -q local/repo mnt/dst'
    row 'git checkout' repo 'git -C mnt/repo checkout -q other' git \
        'git -C mnt/repo -c checkout.workers=20 checkout -q other'
    row 'git status' nothing 'git -C mnt/repo status' -
    row 'git add' new_repo '(cd mnt/dst && git add d?)' -
    row 'tar c' nothing 'tar cf - mnt/tree' -
    row 'zip' nothing 'zip -qrX - mnt/tree' -
    row 'grep -r' nothing 'grep -r "such words" mnt/tree || [ $? = 1 ]' xargs \
        "$files grep 'such words' || :"
    row 'md5sum' nothing 'md5sum mnt/tree/*/*' xargs "$files md5sum"
    row 'wc' nothing 'wc mnt/tree/*/*' xargs "$files wc"
    row 'diff -r' copy 'diff -r mnt/tree mnt/dst' xargs "$each diff -r mnt/tree/{} mnt/dst/{}"
    row 'find -exec' nothing 'find mnt/tree -type f -exec md5sum {} \;' fdfind \
        'fdfind -j 20 -t f . mnt/tree -x md5sum'
    row 'python imports' nothing "$python -s mnt/package/all.py" -
    row 'make, nothing to do' nothing 'make -C mnt/make' make 'make -j 20 -C mnt/make'
    row 'chmod -R' copy 'chmod -R u=rwX,go= mnt/dst' xargs "$each chmod -R u=rwX,go= mnt/dst/{}"
    row 'chown -R' copy 'chown -R 1:1 mnt/dst' xargs "$each chown -R 1:1 mnt/dst/{}"
    row 'touch' copy '(cd mnt/dst && touch $(cat ../../local/names))' xargs \
        '(cd mnt/dst && xargs -P 20 -n 25 touch <../../local/names)'
    row 'rm -rf' copy 'rm -rf mnt/dst' xargs "$each rm -rf mnt/dst/{} && rmdir mnt/dst"
    row 'du' nothing 'du -s mnt/tree' xargs "$each du -s mnt/tree/{}"
    row 'find' nothing 'find mnt/tree -size +3k' bfs 'bfs mnt/tree -size +3k'
    row 'ls -lR' nothing 'ls -lR mnt/tree' xargs "$each ls -lR mnt/tree/{}"
    row 'modules: cp -al' nothing 'cp -al mnt/modules mnt/dst' xargs \
        "mkdir mnt/dst && $packages cp -al mnt/modules/{} mnt/dst/{}"
    row 'modules: rm -rf' modules 'rm -rf mnt/dst' xargs "$packages rm -rf mnt/dst/{} && rmdir mnt/dst"
    row 'modules: du' nothing 'du -s mnt/modules' xargs "$packages du -s mnt/modules/{}"
}

# ---- what a row can ask for -------------------------------------------------------------

# All shell text, for a clean dst in the unmounted back, but for "nothing" beside what always is there.
everyday_prepare_nothing() { :; }
everyday_prepare_empty() { mkdir back/dst; }
everyday_prepare_copy() { cp -a back/tree back/dst; }
everyday_prepare_modules() { cp -a back/modules back/dst; }
everyday_prepare_moved() { rm -rf local/moved && cp -a local/tree local/moved; }

everyday_prepare_repo() {
    everyday_git back/repo checkout -qf main
    everyday_git back/repo ls-files -z | (cd back/repo && xargs -0 touch -d "@$((everyday_began - 3600))")
    everyday_git back/repo update-index -q --refresh
}

everyday_prepare_new_repo() {
    everyday_prepare_copy
    everyday_git back/dst -c init.defaultBranch=main init -q
}

# ---- the trees --------------------------------------------------------------------------

everyday_git() { # DIRECTORY ARGUMENT...
    git -C "$1" -c user.name=bench -c user.email=bench@localhost "${@:2}"
}

# everyday_files PREFIX SUFFIX DIRECTORY...: 25 files in each, PREFIX0SUFFIX and so on, of up to 8 KiB
everyday_files() {
    local prefix=$1 suffix=$2 dir file number=0
    shift 2
    mkdir -p "$@"
    for dir; do
        for ((file = 0; file < 25; file++)); do
            printf '# %*d\n' $((100 + number++ * 37 % 8000)) "$number" >"$dir/$prefix$file$suffix"
        done
    done
}

# 40 packages, all with a lib, 30 with a lib/util and 20 with a lib/util/sub; 5, 5, 4 and 4 files.
everyday_modules() {
    local package dir file count
    for ((package = 0; package < 40; package++)); do
        for dir in . lib lib/util lib/util/sub; do
            count=5
            [ "$dir" != lib/util ] || { [ "$package" -lt 30 ] && count=4; } || break
            [ "$dir" != lib/util/sub ] || { [ "$package" -lt 20 ] && count=4; } || break
            mkdir -p "back/modules/p$package/$dir"
            for ((file = 0; file < count; file++)); do
                echo "module $package $dir $file" >"back/modules/p$package/$dir/m$file.js"
            done
        done
    done
}

everyday_package() {
    local dir
    everyday_files m .py back/package/p{0..19}
    for dir in back/package/p{0..19}; do
        : >"$dir/__init__.py"
    done
    printf '%s\n' 'import importlib' 'for p in range(20):' '    for m in range(25):' \
        '        importlib.import_module(f"p{p}.m{m}")' >back/package/all.py
}

everyday_make() {
    everyday_files s .c back/make/d{0..19}
    printf '%s\n' 'SOURCES := $(wildcard d*/*.c)' 'all: $(SOURCES:.c=.o)' '%.o: %.c' \
        "$(printf '\t')cp \$< \$@" >back/make/Makefile
}

everyday_repo() {
    cp -a back/tree back/repo
    everyday_git back/repo -c init.defaultBranch=main init -q
    everyday_git back/repo config core.logAllRefUpdates false # or each run adds to it
    everyday_git back/repo add . && everyday_git back/repo commit -qm one || return
    everyday_git back/repo checkout -qb other
    (cd back/repo && for file in d*/file?; do echo changed >>"$file"; done)
    everyday_git back/repo commit -qam two
    everyday_prepare_repo
    git clone -q --bare back/repo local/repo && git -C local/repo repack -qad
}

# More than an hour old, so that nobody suspects that a file changed while it was looked at.
everyday_trees() {
    mkdir -p back local
    everyday_files file '' back/tree/d{0..19}
    everyday_modules
    everyday_package
    everyday_make
    find back -exec touch -d "@$((everyday_began - 3600))" {} +
    missing python3 >/dev/null || python3 -m compileall -q back/package
    missing make >/dev/null || make -s -C back/make >/dev/null
    missing git >/dev/null || everyday_repo
    cp -a back/tree local/tree
    (cd local && find tree/* -type d -printf '%f/new\n' | awk '{ for (i = 0; i < 25; i++) print $0 i }' >names &&
        tar cf tree.tar tree && tar czf tree.tar.gz tree && { missing zip || zip -qr tree.zip tree; })
    sync -f .
}

# ---- one row ------------------------------------------------------------------------------

# everyday_left FILE: what the last run left, into FILE. Of git's index only what is in it: it
# holds inode numbers and times.
everyday_left() {
    local index
    {
        "$BUILD/prog/treesum" -n "$everyday_began" back
        "$BUILD/prog/treesum" -n "$everyday_began" local
        for index in back/*/.git/index; do
            [ ! -e "$index" ] || git -C "${index%/.git/index}" ls-files -s
        done
    } 2>&1 | grep -v '/\.git/index' >"$1"
}

# everyday_run SIDE PREPARE COMMAND [VAR=VALUE...]: one run; microseconds go to everyday_times, the
# rest to SIDE.*. Output is a pipe, as it is where somebody looks at it.
everyday_run() {
    local side=$1 prepare=$2 command=$3 begin end
    local -a status
    shift 3
    slow_unmount
    rm -rf back/dst "$side".*
    "everyday_prepare_$prepare" && "$BUILD/slowfs" --delay=1ms back mnt || return
    begin=${EPOCHREALTIME/./}
    env "$@" sh -c "$command" 2>"$side.error" | cat >"$side.output"
    status=("${PIPESTATUS[@]}")
    end=${EPOCHREALTIME/./}
    slow_unmount
    echo "status ${status[0]}" >"$side.status"
    everyday_times[$side]+=" $((end - begin))"
    [ "$side" = peer ] || everyday_left "$side.left"
}

# What differs between the runs plain.* and auto.*, by its first lines; nothing where all is the same.
everyday_compare() {
    local what
    for what in status output error left; do
        cmp -s "plain.$what" "auto.$what" && continue
        printf '      %s of plain (-) and auto (+):\n' "$what"
        diff -a "plain.$what" "auto.$what" | sed -n 's/^</      -/p; s/^>/      +/p' | cut -c 1-120 |
            head -n 6
    done
}

# row NAME PREPARE COMMAND PEER-TOOL [PEER]: its line goes to the file rows, with what to sort by first.
row() {
    local name=$1 prepare=$2 command=$3 tool=$4 peer=${5:-} round side differs='' needs
    local -A everyday_times=([plain]='' [auto]='' [peer]='')
    local -a sides=(plain auto)
    [[ $name =~ ${BENCH_ROWS:-} ]] || return 0
    needs=${command#(*&& }
    if missing "${needs%% *}" >not-here; then
        printf '0 %-20s%s\n' "$name" "$(cat not-here)" >>rows
        return
    fi
    [ -z "$peer" ] || missing "$tool" >not-here || sides+=(peer)
    for ((round = 0; round < ROUNDS; round++)); do
        for side in "${sides[@]}"; do
            case $side in
            plain) everyday_run plain "$prepare" "$command" ;;
            auto) everyday_run auto "$prepare" "$command" "LD_PRELOAD=$LIB" ;;
            peer) everyday_run peer "$prepare" "$peer" ;;
            esac
        done
        sides=("${sides[@]:1}" "${sides[0]}")
        [ -n "$differs" ] || differs=$(everyday_compare)
    done
    [ -z "$differs" ] || printf '    %s\n%s\n' "$name" "$differs" >>differences
    everyday_line "$(cat plain.status)" "${differs:+DIFFERS}" "$(everyday_peer)" >>rows
}

# The last column: the peer's time, how it compares with plain, and what it is.
everyday_peer() {
    if [ -z "$peer" ]; then
        echo '-'
    elif [ -z "${everyday_times[peer]}" ]; then
        echo "(no $tool here)"
    else
        # shellcheck disable=SC2086 # lists
        awk -v plain="$(median ${everyday_times[plain]})" -v peer="$(median ${everyday_times[peer]})" \
            -v tool="$tool" -v status="$(cat peer.status)" 'BEGIN {
                printf "%8.0f %6.2f  %s%s", peer / 1000, plain / peer, tool,
                    (status == "status 0" ? "" : " (" status ")")
            }'
    fi
}

everyday_line() { # STATUS DIFFERS PEER
    # shellcheck disable=SC2086 # lists
    awk -v name="$name" -v plain="$(median ${everyday_times[plain]})" \
        -v auto="$(median ${everyday_times[auto]})" -v status="$1" -v differs="$2" -v peer="$3" 'BEGIN {
            printf "%.3f %-20s %8.0f %8.0f %7.2f  %-8s %s%s\n", plain / auto, name, plain / 1000,
                auto / 1000, plain / auto, (differs ? differs : "same"), peer,
                (status == "status 0" ? "" : "   (" status ")")
        }'
}

section_everyday() {
    local ROUNDS=${BENCH_ROUNDS:-3} everyday_began differ=0
    title "(p) What people run, on slow storage, 1 ms a request, caches empty: medians of $ROUNDS, ms; ratios
    plain/auto and plain/peer, losses first. The peer is one process a directory or so, by the tool
    named. same: status, output and what is left are as without the library. BENCH_ROWS, a regular
    expression, chooses rows by name."
    slow_missing && return
    missing "$BUILD/prog/treesum" && return
    export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
    everyday_began=$(($(date +%s) - 600))
    everyday_trees || return
    rm -f rows differences
    everyday_table
    printf '    %-20s %8s %8s %7s  %-8s %8s %6s\n' '' plain auto ratio '' peer ratio
    sort -n rows | sed 's/^[^ ]* /    /'
    [ ! -e differences ] || {
        cat differences
        differ=1
    }
    rm -rf back local rows differences
    return $differ
}
