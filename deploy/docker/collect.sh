#!/usr/bin/env bash
# Lays out what the service's image gets of build/release: program, the libraries of Python's packages that it loads, the
# list of contents. Usage: deploy/docker/collect.sh DPKG_STATUS VERSION FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
status="$1" version="$2" out="$3"
install -Dm 755 build/release/weir "$out/local/bin/weir"
strip "$out/local/bin/weir"
chrpath -d "$out/local/bin/weir" >/dev/null  # It finds its libraries by LD_LIBRARY_PATH, not where it was built.
mapfile -t libraries < <(ldd build/release/weir | awk '/site-packages/ {print $3}')
install -Dm 644 -t "$out/local/lib/weir" "${libraries[@]}"
# site-packages/FOLDER/… of each library: the package that brought it, and its version.
mapfile -t packages < <(printf '%s\n' "${libraries[@]}" | sed 's|.*/site-packages/\([^/]*\)/.*|\1|' | sort -u |
  .venv/bin/python -c '
import importlib.metadata as metadata, sys
owners = metadata.packages_distributions()
for folder in sys.stdin.read().split():
    print(owners[folder][0], metadata.version(owners[folder][0]), sep="=")')
install -d "$out/share/weir"
python3 deploy/docker/sbom.py "$status" "$version" "${packages[@]}" >"$out/share/weir/sbom.cdx.json"
