#!/usr/bin/env bash
# Builds the service's image with buildah: the tracked files as they are here, compiled in a stage of its own.
# Usage: deploy/docker/build.sh [TAG]; localhost/weir:VERSION-COMMIT when not given. BASE, BUILD_BASE: see images.sh.
# COMPILER_CACHE=0 compiles all of it again.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/docker/images.sh
file=deploy/docker/Dockerfile
if [ -n "${BASE:-}" ]; then base="$(fetch_base "$BASE")"; else base="$(make_base "$file" PACKAGES)"; fi
build_base="${BUILD_BASE:-${BASE:-}}"
if [ -n "$build_base" ]; then
  build_base="$(fetch_base "$build_base")"
else
  mapfile -t packages < <(tools/setup.sh --packages)
  build_base="$(make_base "$file" BUILD_PACKAGES "${packages[@]}")"
fi

context="$work/context"
rm -rf "$context"
mkdir -p "$context" "$work/ccache"
git ls-files -z | tar -c --null -T - | tar -x -C "$context"
# Where this machine's Python is the stage's, what PyPI gives is fetched here, by hash: the stage needs no network then.
if .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
  .venv/bin/python -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps \
    -d "$work/wheels" -r requirements/uv.lock -r requirements/build.lock
  cp -r "$work/wheels" "$context/wheels"
  printf 'no-index = true\nfind-links = ["/src/wheels"]\n' >"$context/wheels/uv.toml"
fi
flags=(--build-arg "BUILD_BASE=$build_base")
[ "${COMPILER_CACHE:-1}" = 0 ] || flags+=(--volume "$work/ccache:/ccache:rw")
build "$file" "$context" "${1:-localhost/weir:$version-$commit}" "$base" "${flags[@]}"
rm -rf "$context"
