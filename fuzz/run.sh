#!/usr/bin/env bash
# Runs each fuzz target for SECONDS (default 60) from its corpus; fails on the first crash, which
# libFuzzer keeps under build/fuzz/crashes. Usage: fuzz/run.sh [SECONDS [TARGET …]]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds="${1:-60}"
tools/setup.sh --fuzz
[ -f build/fuzz/build.ninja ] || cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target fuzz/all -- --quiet
mkdir -p build/fuzz/crashes
names=("${@:2}")
[ "${#names[@]}" = 0 ] && mapfile -t names < <(find build/fuzz/fuzz -maxdepth 1 -name 'fuzz_*' -type f -printf '%f\n' | sort)
for name in "${names[@]}"; do
  target="build/fuzz/fuzz/$name"
  corpus="build/fuzz/corpus/$name"
  mkdir -p "$corpus"
  [ -d "fuzz/corpus/$name" ] && cp -n "fuzz/corpus/$name"/* "$corpus"/
  echo "fuzz: $name for $seconds s"
  "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
    -artifact_prefix=build/fuzz/crashes/ "$corpus"
done
