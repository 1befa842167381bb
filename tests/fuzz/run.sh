#!/usr/bin/env bash
# Fuzzes every target under libFuzzer, one after the other, and says what came of it. What is found stays in
# target/fuzz/artifacts, what was learned in target/fuzz/corpus: the next run goes on from there.
#   FUZZ_SECONDS    for each target, by default 600
#   FUZZ_TARGETS    names, separated by blanks; by default all
#   FUZZ_SANITIZER  address (default), or none, which is faster: our own code has no unsafe
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
seconds=${FUZZ_SECONDS:-600}
sanitizer=${FUZZ_SANITIZER:-address}
crate=tests/fuzz/cargo
out=$root/target/fuzz
export PATH=$root/target/tools/bin:$PATH

missing() { echo "cannot fuzz: $1" >&2; exit 1; }
cargo +nightly --version > /dev/null 2>&1 || missing "no nightly toolchain; rustup toolchain install nightly --profile minimal"
cargo +nightly fuzz --version > /dev/null 2>&1 || missing "no cargo-fuzz; cargo install cargo-fuzz --locked --root target/tools"
{ command -v c++ || command -v clang++ || command -v g++; } > /dev/null || missing "no C++ compiler, which libFuzzer is built with"

# The versions that are shipped, and libFuzzer beside them.
if [ ! -e $crate/Cargo.lock ] || [ Cargo.lock -nt $crate/Cargo.lock ]; then cp Cargo.lock $crate/Cargo.lock; fi
cargo +nightly fuzz build --fuzz-dir $crate --target-dir "$out" --sanitizer "$sanitizer" target
binary=$(ls "$out"/*/release/target)

FUZZ_CORPUS=$out/corpus cargo test --quiet --locked --test fuzz write_the_seeds -- --ignored > /dev/null
failed=
for target in ${FUZZ_TARGETS:-$(ls "$out/corpus")}; do
  artifacts=$out/artifacts/$target
  mkdir -p "$artifacts"
  log=$out/$target.log
  FUZZ_TARGET=$target "$binary" "$out/corpus/$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
    -rss_limit_mb=2048 -artifact_prefix="$artifacts/" -print_final_stats=1 > "$log" 2>&1 && end=fine || end=FAILED
  coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -1 || true)
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
  echo "$target: $end, ${executions:-no} executions, ${coverage:-no coverage}, $(ls "$out/corpus/$target" | wc -l) inputs"
  [ $end = fine ] || { failed=1; tail -30 "$log"; ls "$artifacts"; }
done
[ -z "$failed" ]
