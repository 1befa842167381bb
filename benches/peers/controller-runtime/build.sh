#!/usr/bin/env bash
# Builds the operator that uses controller-runtime, and prints the command line that runs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
target=$(cd ../../.. && pwd)/target/bench
mkdir -p "$target"
program=$target/controller-runtime
command -v go >/dev/null || { echo "Go is missing" >&2; exit 1; }
GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w" -p 2 -o "$program" . >&2
echo "$program"
