#!/usr/bin/env bash
# Sets up the machine, then configures and builds one CMake preset, whole or some targets of it.
# Usage: tools/build.sh [release|dev|asan|tsan [TARGET …]]
set -euo pipefail
cd "$(dirname "$0")/.."
preset="${1:-release}"
if [ "${*:2}" = weir ]; then tools/setup.sh --program; else tools/setup.sh; fi
if [ ! -f "build/$preset/build.ninja" ]; then
  cmake --preset "$preset" >"build-$preset.log" 2>&1 || { cat "build-$preset.log" >&2; exit 1; }
  mv "build-$preset.log" "build/$preset/configure.log"
fi
targets=("${@:2}")
[ "${#targets[@]}" = 0 ] || targets=(--target "${targets[@]}")
cmake --build --preset "$preset" "${targets[@]}" -- --quiet
