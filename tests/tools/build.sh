#!/usr/bin/env bash
# build.sh NAME: builds the Go tools of tests/tools/NAME once and prints the folder of the binaries, alone, on
# standard output. Progress and errors go to standard error.
#
# NAME is a Go module of its own, so that the versions that the tools need never meet. With Go files it is a
# program, whose binary is called NAME. Without any, its go.mod names the programs with `tool` directives.
# The binaries lie in target/tools/NAME/<hash>/, where <hash> covers all they are made from. Two callers at
# a time are safe: the second waits for the first.
set -euo pipefail

name=${1:?which tool}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
store=$(cd "$here/../.." && pwd)/target/tools/$name
cd "$here/$name"

say() { printf '%s: %s\n' "$name" "$*" >&2; }
command -v go >/dev/null || { say "Go is missing: install it (https://go.dev/dl) and have it in PATH"; exit 1; }

export GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0 # no other toolchain, no workspace, no C compiler
hash=$({ go version; find . ../build.sh -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum | cut -c 1-16)
folder=$store/$hash

mkdir -p "$store"
exec 9>"$store/.lock"
flock 9
if [[ ! -d $folder ]]; then
    say "building; minutes the first time, seconds later"
    rm -rf "$store/new"
    mkdir "$store/new"
    programs=(.)
    compgen -G '*.go' >/dev/null || mapfile -t programs < <(awk '$1 == "tool" { print $2 }' go.mod)
    for program in "${programs[@]}"; do
        binary=$name
        [[ $program == . ]] || binary=${program##*/}
        go build -mod=readonly -buildvcs=false -trimpath -ldflags '-s -w' -o "$store/new/$binary" "$program" >&2
    done
    find "$store" -mindepth 1 -maxdepth 1 -type d ! -name new -exec rm -rf {} +
    mv "$store/new" "$folder"
    say "built in $SECONDS s"
fi
echo "$folder"
