#!/usr/bin/env bash
# reproducible.sh: builds the release binary of this commit twice, from two folders with target folders of their
# own, and compares them byte by byte. `make reproducible` runs it; ten minutes or more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

[[ -z $(git status --porcelain -- src Cargo.toml Cargo.lock) ]] ||
    { echo "reproducible: src, Cargo.toml or Cargo.lock has changes that are not committed" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/imageshare-reproducible.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/another-folder"
git archive HEAD | tar -x -C "$work/another-folder"

first=$(deploy/image/binary.sh amd64)
second=$(CARGO_TARGET_DIR=$work/another-target "$work/another-folder/deploy/image/binary.sh" amd64)
sha256sum "$first" "$second"
cmp "$first" "$second"
echo "reproducible: the same $(stat -c %s "$first") bytes"
