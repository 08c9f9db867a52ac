#!/usr/bin/env bash
# Builds the service's image from build/release/weir with buildah. Usage: deploy/docker/build.sh [TAG]
# TAG: localhost/weir:VERSION-COMMIT when not given. BASE: see images.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/docker/images.sh
[ -x build/release/weir ] || { echo "image: build/release/weir is missing; run make build" >&2; exit 1; }
make_base deploy/docker/Dockerfile

context="$work/context"
rm -rf "$context"
mkdir -p "$context/lib"
install -m 755 build/release/weir "$context/weir"
strip "$context/weir"
chrpath -d "$context/weir" >/dev/null  # It finds its libraries by LD_LIBRARY_PATH, not where it was built.
ldd build/release/weir | awk '/site-packages/ {print $3}' | xargs -I{} install -m 644 {} "$context/lib/"
arrow="$(.venv/bin/python -c 'import pyarrow; print(pyarrow.__version__)')"
python3 deploy/docker/sbom.py "$(dpkg_status)" "$version" "pyarrow=$arrow" >"$context/sbom.cdx.json"
build deploy/docker/Dockerfile "$context" "${1:-localhost/weir:$version-$commit}"
