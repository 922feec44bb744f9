#!/bin/bash
# SPDX-License-Identifier: MIT
#
# layers.sh [BUILD]: each module keeps to its own restriction.
#
# What a module calls is read from its object file, so macros and comments deceive nobody.
# What it includes, which inline functions would hide from there, is read from its source.
set -u
cd "$(dirname "$0")/../.." || exit
BUILD=${1:-${BUILD:-build}}
SOURCES=${2:-shim}
status=0

broken() {
    printf 'layers: %s\n' "$*" >&2
    status=1
}

# Names of libc that work with streams or the heap; the ways to the environment.
STDIO='^_*((v?[fsd]?n?w?printf|v?asprintf|f?puts|f?putc|putchar|fwrite|fread|fopen|fdopen|fclose|fflush|fgets|f?getc|getline|perror|scanf|setvbuf)(_unlocked|_chk|64)?|stdout|stderr)$'
HEAP='^_*(malloc|calloc|realloc|reallocarray|free|strn?dup|posix_memalign|aligned_alloc|memalign|valloc)$'
ENVIRON='^_*(secure_getenv|getenv|setenv|putenv|unsetenv|clearenv|environ)$'

# only NAMES-REGEX ALLOWED-OBJECTS-REGEX WHAT
only() {
    local object name
    while read -r object name; do
        [[ $object =~ $2 ]] || broken "$3: $object uses $name"
    done < <(awk -v names="$1" '$2 ~ names' <<<"$used")
}

# An object whose source has moved away since is nobody's.
objects=$(find "$BUILD/shim" -name '*.o' 2>/dev/null | sort | while read -r object; do
    source=${object#"$BUILD"/}
    [ "$SOURCES" != shim ] || [ -e "${source%.o}.c" ] || [ -e "${source%.o}.S" ] && printf '%s\n' "$object"
done)
[ -n "$objects" ] || {
    broken "no objects under $BUILD/shim"
    exit 1
}

used=$(for object in $objects; do
    nm -u "$object" | awk -v object="${object#"$BUILD"/}" '{ sub(/@.*/, "", $NF); print object, $NF }'
done)

only '^(dlsym|dlvsym|dlopen)$' '^shim/process/real\.o$' "dlsym is for shim/process/real.c"
only '^__?io_uring_' '^shim/backend/ring/' "liburing is for shim/backend/ring/"
only "$ENVIRON" '^shim/process/config\.o$' "the environment is for shim/process/config.c"
only "$STDIO" '^$' "no stdio"
only '^stdin$' '^shim/call/filestream\.o$' "stdin is for shim/call/filestream.c"
only "$HEAP" '^$' "no heap"

# The rooms of shim/, the lowest first: each knows only those before it, but for the pairs in SIBLINGS. The stubs
# of shim/over alone are entered from outside and go up, to the one path of a call.
ROOMS='base table over process report backend/ring backend/crew backend walk call ahead behind together dispatch .'
SIBLINGS='backend/crew:backend/ring together:ahead together:behind'

# "CALLER CALLEE SYMBOL" for every call from one object to another, as paths below shim/.
calls=$(for object in $objects; do
    nm "$object" | awk -v object="${object#"$BUILD"/shim/}" '
        NF == 2 && $1 == "U" { print "uses", object, $2 }
        NF == 3 && $2 ~ /^[A-Z]$/ { print "has", object, $3 }'
done | sed 's/\.o / /' | awk '
    $1 == "has" { where[$3] = $2 }
    $1 == "uses" { user[++n] = $2; symbol[n] = $3 }
    END {
        for (i = 1; i <= n; i++)
            if (symbol[i] in where && where[symbol[i]] != user[i])
                print user[i], where[symbol[i]], symbol[i]
    }')

while read -r caller callee symbol; do
    broken "shim/$caller calls up, $symbol of shim/$callee"
done < <(grep -v '^over/stubs ' <<<"$calls" | awk -v rooms="$ROOMS" -v siblings="$SIBLINGS" '
    function room(file) { return sub("/[^/]*$", "", file) ? file : "." }
    BEGIN {
        count = split(rooms, name, " ")
        for (i = 1; i <= count; i++) floor[name[i]] = i
        count = split(siblings, name, " ")
        for (i = 1; i <= count; i++) apart[name[i]] = 1
    }
    NF == 3 && (floor[room($2)] > floor[room($1)] || (room($1) ":" room($2)) in apart)')

while read -r circle; do
    broken "a circle: $circle"
done < <(grep -v '^over/stubs ' <<<"$calls" | awk 'NF { print $1, $2 }' | tsort 2>&1 >/dev/null | sed 's/^tsort: //')

# Exports are for shim/over: elsewhere every global symbol is hidden.
while read -r object name; do
    broken "exports are for shim/over: $object shows $name"
done < <(for object in $objects; do
    case $object in */shim/over/*) continue ;; esac
    readelf -sW "$object" | awk -v object="${object#"$BUILD"/}" '
        ($5 == "GLOBAL" || $5 == "WEAK") && $6 == "DEFAULT" && $7 != "UND" { print object, $8 }'
done)

# includes HEADER-REGEX ALLOWED-FILES-REGEX
includes() {
    local file
    while read -r file; do
        [[ $file =~ $2 ]] || broken "$file includes $1"
    done < <(grep -rlE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$1[>\"]" "$SOURCES")
}

includes 'liburing\.h' '/backend/ring/'
includes 'dlfcn\.h' '/real\.c$'
includes 'stdio\.h' '^$'
includes 'malloc\.h' '^$'
includes 'stdlib\.h' '/config\.c$'

exit $status
