#!/usr/bin/env bash
# Makes a virtual environment with kopf, and prints the command line that runs the operator, a word a line.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$(cd "$here/../../.." && pwd)/target/bench/kopf

# Made anew when the requirements change; the stamp is written last, so a half-made one does not count.
wanted=$(sha256sum "$here/requirements.txt" | cut -d' ' -f1)
if [ "$(cat "$venv/stamp" 2>/dev/null || true)" != "$wanted" ]; then
  rm -rf "$venv"
  python3 -m venv "$venv" >&2
  "$venv/bin/pip" install --disable-pip-version-check --quiet --requirement "$here/requirements.txt" >&2
  echo "$wanted" > "$venv/stamp"
fi
printf '%s\n' "$venv/bin/kopf" run --standalone "$here/operator.py"
