#!/usr/bin/env bash
# From a commit to an image in a registry; CI and people call the same steps. Usage: tools/release.sh [--dry-run] STEP...
#   image          build/release/weir into the image localhost/weir:VERSION-COMMIT
#   check          decide from inside of it, drain it, compare layers of two builds
#   chart          the Helm chart, packed:            out/release/weir-VERSION.tgz
#   archive        the image and its list of contents: out/release/weir-TAG.tar.gz, weir-TAG.cdx.json
#   sums           of what is there:                   out/release/SHA256SUMS
#   push           to REGISTRY (host/path); REGISTRY_INSECURE=1 for plain HTTP on loopback
#   deploy         helm upgrade of RELEASE in NAMESPACE with VALUES; rolls itself back when pods do not get ready
#   smoke          URL answers /readyz
# --dry-run prints the commands. BASE: the image's base by digest; BASE_UNPINNED=1 takes one by tag. OUT: another folder.
set -euo pipefail
cd "$(dirname "$0")/.."
dry=0
[ "${1:-}" != --dry-run ] || { dry=1; shift; }
[ "$#" -gt 0 ] || { sed -n '2,11p' "$0" >&2; exit 2; }
version="$(sed -n 's/^project(weir VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)"
tag="$version-$(git rev-parse --short=12 HEAD)"
git diff --quiet HEAD || tag="$tag-dirty"
out="${OUT:-out/release}"
store=(buildah --root build/image/store --runroot build/image/runroot --storage-driver "${STORAGE_DRIVER:-overlay}")

fail() { echo "release: $2" >&2; exit "$1"; }
need() { [ -n "${!1:-}" ] || fail 2 "$1 is not set; $2"; }
run() { if [ "$dry" = 1 ]; then echo "+ $*"; else "$@"; fi; }
write_sums() { (cd "$(dirname "$1")" && rm -f SHA256SUMS && sha256sum -- * >SHA256SUMS); }
committed() { # A tag names a commit.
  [[ "$tag" != *-dirty || "$dry" = 1 ]] || fail 1 "there are uncommitted changes; commit them before $1"
}
if [ -n "${BASE:-}" ] && [[ "$BASE" != *@sha256:* ]] && [ -z "${BASE_UNPINNED:-}" ]; then
  fail 2 "BASE is $BASE, which may change; name it by digest (NAME@sha256:...), or set BASE_UNPINNED=1"
fi

step() {
  case "$1" in
    image)
      run tools/build.sh release
      run tools/setup.sh --deploy
      run deploy/docker/build.sh
      ;;
    check) run .venv/bin/python -m pytest -q tests/deploy/test_image.py ;;
    chart)
      run mkdir -p "$out"
      # Links to rules and dashboards become what they point to.
      run build/tools/helm package deploy/helm/weir --version "$version" --app-version "$tag" --destination "$out"
      ;;
    archive)
      run mkdir -p "$out"
      run rm -f "$out/weir-$tag.tar" "$out/weir-$tag.tar.gz"
      run "${store[@]}" push --signature-policy build/image/policy.json "localhost/weir:$tag" \
        "docker-archive:$out/weir-$tag.tar:localhost/weir:$tag"
      run gzip -n1 "$out/weir-$tag.tar"
      run cp build/image/context/sbom.cdx.json "$out/weir-$tag.cdx.json"
      ;;
    sums) run write_sums "$out/SHA256SUMS" ;;
    push)
      need REGISTRY "for example cr.yandex/REGISTRY_ID"
      committed push
      verify=true
      [ -z "${REGISTRY_INSECURE:-}" ] || verify=false
      run "${store[@]}" push --signature-policy build/image/policy.json --tls-verify="$verify" \
        "localhost/weir:$tag" "docker://$REGISTRY/weir:$tag"
      echo "$REGISTRY/weir:$tag"
      ;;
    deploy)
      need REGISTRY "the registry that push used"
      need RELEASE "the name of the Helm release"
      need NAMESPACE "the namespace of the release"
      need VALUES "the file of values of this environment"
      committed deploy
      run build/tools/helm upgrade --install "$RELEASE" deploy/helm/weir --namespace "$NAMESPACE" --values "$VALUES" \
        --set-string "image.repository=$REGISTRY/weir" --set-string "image.tag=$tag" --atomic --timeout 15m
      ;;
    smoke)
      need URL "the address of the service"
      run curl -fsS -o /dev/null --retry 10 --retry-all-errors --retry-delay 3 "$URL/readyz" || {
        echo "release: $URL/readyz does not answer 200" >&2
        [ -z "${RELEASE:-}" ] || build/tools/helm rollback "$RELEASE" --namespace "$NAMESPACE" --wait
        exit 1
      }
      ;;
    *) fail 2 "no step '$1'; there are image, check, chart, archive, sums, push, deploy, smoke" ;;
  esac
}
for name in "$@"; do step "$name"; done
