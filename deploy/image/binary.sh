#!/usr/bin/env bash
# binary.sh ARCH: builds the release binary for the image, ARCH amd64 or arm64, and prints its path, alone, on
# standard output.
#
# It is linked statically with musl, so that the image needs no C library and no shell: the binary and CA
# certificates are all of it. Where the sources and cargo's cache lie leaves no trace in it, so that the same
# commit gives the same bytes everywhere. For the other architecture it needs that one's gcc
# (Debian: gcc-aarch64-linux-gnu or gcc-x86-64-linux-gnu).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

arch=${1:?amd64 or arm64}
case $arch in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
    *) echo "binary.sh: no such architecture: $arch" >&2; exit 2 ;;
esac
triple=$machine-unknown-linux-musl
compiler=$machine-linux-gnu-gcc
command -v "$compiler" >/dev/null || { echo "binary.sh: $compiler is missing" >&2; exit 1; }
if ! rustup target list --installed | grep -qx "$triple"; then rustup target add "$triple" >&2; fi

target=${CARGO_TARGET_DIR:-target}
cache=${CARGO_HOME:-$HOME/.cargo}
cargo fetch --locked --target "$triple" >&2
flags="--remap-path-prefix=$PWD=/src"
for sources in "$cache"/registry/src/*; do flags+=" --remap-path-prefix=$sources=/crates"; done

name=${triple//-/_}
export RUSTFLAGS=$flags CARGO_INCREMENTAL=0
export "CC_$name=$compiler" "CARGO_TARGET_${name^^}_LINKER=$compiler"
cargo build --locked --release --bin imageshare --target "$triple" >&2
echo "$target/$triple/release/imageshare"
