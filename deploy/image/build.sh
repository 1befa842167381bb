#!/usr/bin/env bash
# build.sh [ARCH...]: assembles the image for amd64 and arm64 (or those that are named) as an OCI layout in
# target/image/layout, without a container engine, with an SBOM beside it. `make image` runs it, and the release.
#
# IMAGE_SOURCE, if set, is the address of the repository, for the image's label.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

architectures=("$@")
((${#architectures[@]} > 0)) || architectures=(amd64 arm64)
largest=20000000 # bytes, compressed: what a node pulls
authorities=/etc/ssl/certs/ca-certificates.crt
[[ -r $authorities ]] || { echo "image: $authorities is missing: install ca-certificates" >&2; exit 1; }

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

oci=$(tests/tools/build.sh oci)/oci
binaries=()
for arch in "${architectures[@]}"; do
    binary=$(deploy/image/binary.sh "$arch")
    binaries+=("$arch=$binary")
done
mkdir -p target/image
"$oci" build target/image/layout "$version" "$(git rev-parse HEAD)" "$authorities" "${binaries[@]}"
deploy/image/sbom.py >target/image/sbom.cdx.json

"$oci" sizes target/image/layout | while read -r arch bytes; do
    echo "image: $arch: $bytes bytes compressed"
    ((bytes <= largest)) || { echo "image: more than $largest" >&2; exit 1; }
done
