#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC1091,SC2034
#
# tree.sh FILE: makes the tree of cases.sh (DIRS x FILES) once, as an archive, which is faster to unpack
# inside an emulated machine than to make there: hand it to vm.sh as tree.tar.
set -eu
. "$(dirname "$(readlink -f "$0")")/cases.sh"
top=$(mktemp -d "${TMPDIR:-/tmp}/tree.XXXXXX"); trap 'rm -rf "$top"' EXIT
back=$top/back work=$top TREE=/nonexistent
make_tree
tar cf "$1" -C "$top" t.tar -C "$back" .
