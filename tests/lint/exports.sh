#!/bin/bash
# SPDX-License-Identifier: MIT
#
# exports.sh [LIBRARY]: the library exports exactly the symbols of ops.def, which are symbols
# libc has, and is a well-behaved ELF object.
set -u
cd "$(dirname "$0")/../.." || exit
LIB=${1:-${BUILD:-build}/libushim.so}
CC=${CC:-cc}
export LC_ALL=C
status=0

broken() {
    printf 'exports: %s\n' "$*" >&2
    status=1
}

# What libushim.so may need by name and strongly: anything else that only glibc has would
# keep programs of another libc from starting. dlsym and the rest are also musl's; calloc and
# free belong to parts of liburing nobody calls.
ALLOWED='__errno_location __fbufsize __flbf __fwritable __stack_chk_fail calloc clock_gettime dlsym free memcmp memcpy memmove memset
fileno memchr pthread_key_create pthread_setspecific strchr strcmp strcspn strlen strncmp
stdin strnlen strpbrk strrchr strstr'

# dynamic LIBRARY: "name defined|needed GLOBAL|WEAK" of each dynamic symbol.
dynamic() {
    readelf -W --dyn-syms "$1" | awk '
        $1 ~ /^[0-9]+:$/ && $8 != "" {
            sub(/@.*/, "", $8)
            print $8, ($7 == "UND" ? "needed" : "defined"), $5
        }'
}

# A row the preprocessor lets through on this glibc becomes "row NAME".
rows=$(printf '%s\n' '#include <features.h>' '#define SYM(name, op) row name' \
    '#include "ushim/ops.def"' |
    "$CC" -E -P -D_GNU_SOURCE -Iinclude -x c - | tr ' ' '\n' | grep -A1 -x row | grep -vx -e row -e --)
rows=$(sort <<<"$rows")
twice=$(uniq -d <<<"$rows")
[ -z "$twice" ] || broken "in ops.def twice: ${twice//$'\n'/ }"

# The public API, where there is one.
api=$(grep -o '\<ushim_[a-z_]*(' include/ushim.h 2>/dev/null | tr -d '(')
expected=$(printf '%s\n' "$rows" "$api" | sed '/^$/d' | sort -u)
actual=$(dynamic "$LIB" | awk '$2 == "defined" { print $1 }' | sort -u)
difference=$(diff <(echo "$expected") <(echo "$actual"))
[ -z "$difference" ] || broken "ops.def (<) and $LIB (>) differ:"$'\n'"$difference"
[ "$(wc -l <<<"$actual")" -gt 100 ] || broken "too few exports to be true"

# A name libc lacks would appear in programs that ask for it weakly.
libc=$("$CC" -print-file-name=libc.so.6)
strangers=$(comm -23 <(echo "$rows") <(dynamic "$libc" | awk '$2 == "defined" { print $1 }' | sort -u))
[ -z "$strangers" ] || broken "not in this libc: ${strangers//$'\n'/ }"

for name in $(dynamic "$LIB" | awk '$2 == "needed" && $3 == "GLOBAL" { print $1 }'); do
    case " ${ALLOWED//$'\n'/ } " in
    *" $name "*) ;;
    *) broken "needs $name, which is not on the list of this script" ;;
    esac
done

needed=$(readelf -dW "$LIB" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | tr '\n' ' ')
[ "$needed" = "libc.so.6 " ] || broken "needs other libraries than libc: $needed"
readelf -lW "$LIB" | grep GNU_STACK | grep -q 'RW  *0x' || broken "the stack would be executable"
readelf -lW "$LIB" | awk '$1 == "LOAD" && /W/ && / RWE /' | grep -q . && broken "a segment is writable and executable"
readelf -dW "$LIB" | grep -q TEXTREL && broken "has text relocations"
readelf -dW "$LIB" | grep -q 'BIND_NOW' || broken "is not bound at once"
readelf -dW "$LIB" | grep -q 'NODELETE' || broken "could be unloaded"
readelf -lW "$LIB" | grep -q GNU_RELRO || broken "has no RELRO"

exit $status
