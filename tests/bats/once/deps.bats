# SPDX-License-Identifier: MIT
# tools/deps.sh, on a machine of our own making: a PATH with everything but what is named.
load ../common

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    [ -z "$(USHIM_DEPS=0 "$ROOT/tools/deps.sh" check 2>&1)" ] ||
        skip "requires all packages of make check"
    mkdir bin
    local command
    for command in sh env cat grep sed $(sed -nE 's/^\t(need|want) [^ ]+ ([a-z0-9][^ ]*)$/\2/p' \
        "$ROOT/tools/deps.sh" | sort -u); do
        ln -sf "$(PATH=$PATH:/usr/sbin:/sbin command -v "$command" || echo /bin/true)" "bin/$command"
    done
    says id 'echo 0'
    : >log
}

# says NAME SHELL: a command of our machine.
says() {
    printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
    chmod +x "bin/$1"
}

# apt_get_that_works: notes how it is called; installing X makes the command X appear.
apt_get_that_works() {
    # shellcheck disable=SC2016 # for the script
    says apt-get 'echo "apt-get $*" >>'"$PWD/log"'
        case $* in *install*) for p; do :; done; printf "#!/bin/sh\n" >'"$PWD/bin"'/$p; /bin/chmod +x '"$PWD/bin"'/$p ;; esac'
}

deps() {
    PATH=$PWD/bin "$ROOT/tools/deps.sh" "$@"
}

@test "deps: where nothing is missing, nothing is run and nothing said" {
    apt_get_that_works
    run -0 deps check
    [ -z "$output" ]
    [ ! -s log ]
}

@test "deps: root installs what is missing and no more" {
    apt_get_that_works
    rm bin/strace
    run -0 deps demo
    [ "$output" = "installing: strace" ]
    [ "$(wc -l <log)" -eq 1 ]
    grep -q ' install strace$' log
}

@test "deps: an ordinary user installs through sudo -n" {
    apt_get_that_works
    says id 'echo 1000'
    # shellcheck disable=SC2016 # for the script
    says sudo 'echo "sudo $1" >>'"$PWD/log"'; shift; exec "$@"'
    rm bin/strace
    run -0 deps demo
    [ "$(grep -c '^sudo -n$' log)" -ge 1 ]
    grep -q ' install strace$' log
}

@test "deps: who may not install goes on without what is only wanted, and is told in a line" {
    apt_get_that_works
    says id 'echo 1000'
    says sudo 'exit 1'
    rm bin/strace bin/jq
    run -0 deps check
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == *strace*jq* ]]
    [ ! -s log ]
}

@test "deps: without what is needed it fails, and says in a line what that is" {
    says id 'echo 1000'
    rm bin/bats
    run -1 deps check
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == *bats* ]]
    run -0 deps build
}

@test "deps: USHIM_DEPS=0 installs nothing" {
    apt_get_that_works
    rm bin/strace
    USHIM_DEPS=0 run -0 deps demo
    [ ! -s log ]
}

@test "deps: stale package lists are renewed once" {
    # shellcheck disable=SC2016 # for the script
    says apt-get 'echo "apt-get $*" >>'"$PWD/log"'
        case $* in
        *update*) : >'"$PWD/updated"' ;;
        *install*) [ -e '"$PWD/updated"' ] && /bin/ln -s /bin/true '"$PWD/bin"'/strace ;;
        esac'
    rm bin/strace
    run -0 deps demo
    [ "$output" = "installing: strace" ]
    [ "$(grep -c update log)" -eq 1 ]
}
