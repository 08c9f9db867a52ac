#!/usr/bin/env bash
# clang-tidy with the allowlist of .clang-tidy over C++ sources (all of src when none is named), on all cores.
# Reads compile commands of one source at a time, in build/tidy. Usage: tools/tidy.sh [FILE …]
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
cmake --preset release -B build/tidy -DWEIR_UNITY=OFF >/dev/null
files=("$@")
# The kernels are loops over intrinsics; what clang-tidy says of them is noise.
[ "$#" != 0 ] || mapfile -t files < <(git ls-files 'src/*.cpp' | grep -v -e '_kernel_' -e '_test\.cpp$')
printf '%s\n' "${files[@]}" |
  xargs -P "$(nproc)" -n 4 .venv/bin/clang-tidy -p build/tidy --quiet --extra-arg=-Wno-unknown-warning-option
