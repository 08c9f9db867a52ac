# shellcheck shell=bash
# What the builds of both images share; sourced by build.sh and build_jobs.sh from the root of the repository.
# BASE: the base image (BUILD_BASE: the one that compiles); without it one is made from Debian's packages by mmdebstrap
# and kept in build/image/
# Same commit, same base, same layers: the compiler sees one path, times come from the commit.
version="$(sed -n 's/^project(weir VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)"
commit="$(git rev-parse --short=12 HEAD)"
git diff --quiet HEAD || commit="$commit-dirty"
SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)"
export SOURCE_DATE_EPOCH
shopt -s inherit_errexit  # What fails inside of $(...) fails the build.
work="$PWD/build/image"
mkdir -p "$work"
for program in buildah mmdebstrap; do
  command -v "$program" >/dev/null || { echo "image: $program is missing; run tools/setup.sh --deploy" >&2; exit 1; }
done
store=(--root "$work/store" --runroot "$work/runroot" --storage-driver "${STORAGE_DRIVER:-overlay}")
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$work/policy.json"

# make_base DOCKERFILE ARG [PACKAGE...]: prints an image with the packages of the Dockerfile's ARG, and these.
make_base() {
  local packages kind base tar container
  packages="$(sed -n "s/^ARG $2=\"\(.*\)\"/\1/p" "$1")"
  shift 2
  packages="$packages${*:+ $*}"
  kind="bookworm-$(sha256sum <<<"$packages" | cut -c1-8)"
  base="localhost/weir-base:$kind" tar="$work/$kind.tar"
  if [ ! -s "$tar" ]; then
    echo "image: making a base of Debian's packages" >&2
    # shellcheck disable=SC2016  # $1 is mmdebstrap's. Java's package links manual pages into that folder.
    SOURCE_DATE_EPOCH=0 mmdebstrap --quiet --format=tar --variant=minbase --mode="${MMDEBSTRAP_MODE:-root}" --include="${packages// /,}" \
      --setup-hook='mkdir -p "$1/usr/share/man/man1"' --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
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
  echo "$base"
}

# fetch_base IMAGE: from its registry, unless it is here.
fetch_base() {
  [ -n "$(buildah "${store[@]}" images -q "$1" 2>/dev/null)" ] ||
    buildah "${store[@]}" pull -q --signature-policy "$work/policy.json" "$1" >/dev/null
  echo "$1"
}

# copy_out IMAGE PATH FILE: one file out of an image.
copy_out() {
  local container
  container="$(buildah "${store[@]}" from --pull-never --signature-policy "$work/policy.json" "$1")"
  cp "$(buildah "${store[@]}" mount "$container")/$2" "$3"
  buildah "${store[@]}" rm "$container" >/dev/null
}

# build DOCKERFILE CONTEXT TAG BASE [FLAG...]. No cache of layers: it would keep the labels of another commit.
build() {
  local file="$1" context="$2" tag="$3" base="$4"
  shift 4
  find "$context" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  buildah "${store[@]}" bud -q --pull-never --format docker --timestamp "$SOURCE_DATE_EPOCH" \
    --signature-policy "$work/policy.json" --isolation chroot --network host --ulimit nofile=1024:1024 \
    --ulimit nproc=1024:1024 --build-arg "BASE=$base" --build-arg "VERSION=$version" \
    --build-arg "COMMIT=$commit" "$@" -f "$file" -t "$tag" "$context" >/dev/null
  echo "$tag"
}
