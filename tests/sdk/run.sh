#!/usr/bin/env bash
# Lets the official Python SDKs judge the simulator, and the operator's signer: makes its virtual environment once, starts
# the simulator on a free port, runs judge.py against it, stops it; then random requests are signed by both, the SDK and
# the operator (SIGNATURES_SEED repeats a run). IMAGESHARE_BIN names the binary, by default the debug build.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
binary=${IMAGESHARE_BIN:-$target/debug/imageshare}
venv=$target/sdk-venv

[ -x "$binary" ] || { echo "no simulator at $binary: run 'cargo build', or set IMAGESHARE_BIN" >&2; exit 1; }
command -v openssl > /dev/null || { echo "openssl, which signs the judge's identity tokens, is not there" >&2; exit 1; }

# Made anew when the requirements change; the stamp is written last, so a half-made one does not count.
wanted=$(sha256sum "$here/requirements.txt" | cut -d' ' -f1)
if [ "$(cat "$venv/stamp" 2>/dev/null || true)" != "$wanted" ]; then
  echo "making $venv with the SDK from PyPI (about a minute)"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --disable-pip-version-check --progress-bar off --requirement "$here/requirements.txt"
  echo "$wanted" > "$venv/stamp"
fi

scratch=$(mktemp -d)
simulator=
stop() {
  [ -z "$simulator" ] || kill "$simulator" 2>/dev/null || true
  wait
  rm -rf "$scratch"
}
trap stop EXIT

"$binary" simulator --listen 127.0.0.1:0 --access-key judge=secret \
  --user acme/robot=password --project eu-west-101 \
  --repository group/tools/busybox --account demo > "$scratch/out" 2> "$scratch/err" &
simulator=$!
for _ in $(seq 100); do
  url=$(sed -n 's/^READY url=//p' "$scratch/out")
  [ -z "$url" ] || break
  kill -0 "$simulator" 2>/dev/null || break
  sleep 0.1
done
[ -n "$url" ] || { echo "the simulator did not start:" >&2; cat "$scratch/err" >&2; exit 1; }

"$venv/bin/python" "$here/judge.py" "$url" judge secret acme/robot password

seed=${SIGNATURES_SEED:-$RANDOM}
echo "SIGNATURES_SEED=$seed"
"$venv/bin/python" "$here/signatures.py" "$seed" 1000 "$scratch/signed.json"
cd "$root"
SIGNED_REQUESTS=$scratch/signed.json cargo test --locked --quiet --test signatures -- --ignored --show-output
