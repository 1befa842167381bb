#!/usr/bin/env bash
# publish.sh PREFIX: pushes the image that `make image` has assembled and a chart that names it by its digest, to
# PREFIX/imageshare-operator and PREFIX/charts/imageshare-operator, and prints `image REFERENCE@DIGEST` and
# `chart REFERENCE@DIGEST`. Logins are those of ~/.docker/config.json.
#
# IMAGE_SOURCE, if set, is the address of the repository: the alerts then lead to its docs/operations.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

prefix=${1:?registry and organization, such as ghcr.io/example}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
oci=$(tests/tools/build.sh oci)/oci
helm=$(tests/tools/build.sh helm)/helm
transport=()
[[ $prefix != 127.0.0.1:* ]] || transport=(--plain-http) # a registry of a test

image=$prefix/imageshare-operator
digest=$("$oci" push target/image/layout "$image:$version")
echo "image $image@$digest"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r deploy/chart "$work/chart"
sed -i -e "s|^  repository: imageshare-operator\$|  repository: $image|" -e "s|^  digest: \"\"\$|  digest: $digest|" "$work/chart/values.yaml"
if [[ -n ${IMAGE_SOURCE:-} ]]; then
    sed -i "s|^  runbookUrl: .*|  runbookUrl: $IMAGE_SOURCE/blob/v$version/docs/operations.md|" "$work/chart/values.yaml"
fi
"$helm" package "$work/chart" --destination "$work" >&2
pushed=$("$helm" push "$work/imageshare-operator-$version.tgz" "oci://$prefix/charts" "${transport[@]}" 2>&1)
digest=$(grep -o 'sha256:[0-9a-f]*' <<<"$pushed" | tail -n 1)
[[ -n $digest ]] || { echo "publish: $pushed" >&2; exit 1; }
echo "chart $prefix/charts/imageshare-operator@$digest"
