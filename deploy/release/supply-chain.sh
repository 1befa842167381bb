#!/usr/bin/env bash
# supply-chain.sh: checks deny.toml (TLS stacks, licences, sources, known faults) with cargo-deny, which it builds
# into target/tools/ once, with the versions that its authors locked. Known faults are looked up at
# RustSec's database on GitHub: where that cannot be reached, it says so and checks the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=0.20.2
tool=$PWD/target/tools/cargo-deny
if [[ $("$tool/bin/cargo-deny" --version 2>/dev/null) != "cargo-deny $version" ]]; then
    echo "supply-chain: building cargo-deny $version; minutes the first time" >&2
    cargo install --locked --quiet --root "$tool" --version "$version" cargo-deny
fi
"$tool/bin/cargo-deny" --workspace --locked check bans licenses sources
if git ls-remote --exit-code https://github.com/rustsec/advisory-db HEAD >/dev/null 2>&1; then
    "$tool/bin/cargo-deny" --workspace --locked check advisories
else
    echo "supply-chain: RustSec's database cannot be reached from here: known faults are NOT checked" >&2
fi
