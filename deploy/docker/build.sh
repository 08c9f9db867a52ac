#!/usr/bin/env bash
# Builds the service's image from build/release/weir with buildah. Usage: deploy/docker/build.sh [TAG]
# TAG: localhost/weir:VERSION-COMMIT when not given. BASE: the base image; without it one is made from Debian's
# packages by mmdebstrap and kept in build/image/. Same program, same base, same layers: times come from the commit.
set -euo pipefail
cd "$(dirname "$0")/../.."
version="$(sed -n 's/^project(weir VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)"
commit="$(git rev-parse --short=12 HEAD)"
git diff --quiet HEAD || commit="$commit-dirty"
tag="${1:-localhost/weir:$version-$commit}"
SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)"
export SOURCE_DATE_EPOCH
work="$PWD/build/image"
mkdir -p "$work/context/lib"
for program in buildah mmdebstrap chrpath; do
  command -v "$program" >/dev/null || { echo "image: $program is missing; run tools/setup.sh --deploy" >&2; exit 1; }
done
[ -x build/release/weir ] || { echo "image: build/release/weir is missing; run make build" >&2; exit 1; }
store=(--root "$work/store" --runroot "$work/runroot" --storage-driver "${STORAGE_DRIVER:-overlay}")
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$work/policy.json"

base="${BASE:-}"
if [ -z "$base" ]; then
  packages="$(sed -n 's/^ARG PACKAGES="\(.*\)"/\1/p' deploy/docker/Dockerfile)"
  kind="bookworm-$(sha256sum <<<"$packages" | cut -c1-8)"
  base="localhost/weir-base:$kind" tar="$work/$kind.tar"
  if [ ! -s "$tar" ]; then
    echo "image: making a base of Debian's packages"
    SOURCE_DATE_EPOCH=0 mmdebstrap --quiet --variant=minbase --mode="${MMDEBSTRAP_MODE:-root}" --include="${packages// /,}" \
      --aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/man/*' \
      --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
      bookworm "$tar.part"
    mv "$tar.part" "$tar"
  fi
  if ! buildah "${store[@]}" images -q "$base" >/dev/null 2>&1; then
    container="$(buildah "${store[@]}" from scratch)"
    buildah "${store[@]}" add -q "$container" "$tar" / >/dev/null
    buildah "${store[@]}" config --cmd bash "$container"
    buildah "${store[@]}" commit -q --timestamp 0 --signature-policy "$work/policy.json" "$container" "$base" >/dev/null
    buildah "${store[@]}" rm "$container" >/dev/null
  fi
fi

install -m 755 build/release/weir "$work/context/weir"
strip "$work/context/weir"
chrpath -d "$work/context/weir" >/dev/null  # It finds its libraries by LD_LIBRARY_PATH, not where it was built.
rm -f "$work"/context/lib/*
ldd build/release/weir | awk '/site-packages/ {print $3}' | xargs -I{} install -m 644 {} "$work/context/lib/"
arrow="$(.venv/bin/python -c 'import pyarrow; print(pyarrow.__version__)')"
container="$(buildah "${store[@]}" from --pull-never --signature-policy "$work/policy.json" "$base")"
cp "$(buildah "${store[@]}" mount "$container")/var/lib/dpkg/status" "$work/dpkg-status"
buildah "${store[@]}" rm "$container" >/dev/null
python3 deploy/docker/sbom.py "$work/dpkg-status" "$version" "pyarrow=$arrow" >"$work/context/sbom.cdx.json"
find "$work/context" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

# No cache of layers: it would keep the labels of another commit.
buildah "${store[@]}" bud -q --pull-never --format docker --timestamp "$SOURCE_DATE_EPOCH" \
  --signature-policy "$work/policy.json" --isolation chroot --network host --ulimit nofile=1024:1024 \
  --ulimit nproc=1024:1024 --build-arg "BASE=$base" --build-arg "VERSION=$version" \
  --build-arg "COMMIT=$commit" -f deploy/docker/Dockerfile -t "$tag" "$work" >/dev/null
echo "$tag"
