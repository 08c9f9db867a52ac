#!/usr/bin/env bash
# From a commit to an image in a registry; CI and people call the same steps. Usage: tools/release.sh STEP...
#   image          build/release/weir into the image localhost/weir:VERSION-COMMIT
#   check          decide from inside of it, drain it, compare layers of two builds
#   push           to REGISTRY (host/path); REGISTRY_INSECURE=1 for plain HTTP on loopback
#   deploy         helm upgrade of RELEASE in NAMESPACE with VALUES; rolls itself back when pods do not get ready
#   smoke          URL answers /readyz
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$#" -gt 0 ] || { sed -n '2,8p' "$0" >&2; exit 2; }
version="$(sed -n 's/^project(weir VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)"
tag="$version-$(git rev-parse --short=12 HEAD)"
need() { [ -n "${!1:-}" ] || { echo "release: $1 is not set; $2" >&2; exit 2; }; }
git diff --quiet HEAD || { echo "release: there are uncommitted changes; commit them, a tag names a commit" >&2; exit 1; }

for step in "$@"; do
  case "$step" in
    image) tools/build.sh release && tools/setup.sh --deploy && deploy/docker/build.sh ;;
    check) .venv/bin/python -m pytest -q tests/deploy/test_image.py ;;
    push)
      need REGISTRY "for example cr.yandex/REGISTRY_ID"
      verify=true
      [ -z "${REGISTRY_INSECURE:-}" ] || verify=false
      buildah --root build/image/store --runroot build/image/runroot --storage-driver "${STORAGE_DRIVER:-overlay}" \
        push --signature-policy build/image/policy.json --tls-verify="$verify" \
        "localhost/weir:$tag" "docker://$REGISTRY/weir:$tag"
      echo "$REGISTRY/weir:$tag"
      ;;
    deploy)
      need REGISTRY "the registry that push used"
      need RELEASE "the name of the Helm release"
      need NAMESPACE "the namespace of the release"
      need VALUES "the file of values of this environment"
      build/tools/helm upgrade --install "$RELEASE" deploy/helm/weir --namespace "$NAMESPACE" --values "$VALUES" \
        --set-string "image.repository=$REGISTRY/weir" --set-string "image.tag=$tag" --atomic --timeout 15m
      ;;
    smoke)
      need URL "the address of the service"
      curl -fsS --retry 10 --retry-all-errors --retry-delay 3 "$URL/readyz" >/dev/null || {
        echo "release: $URL/readyz does not answer 200" >&2
        [ -z "${RELEASE:-}" ] || build/tools/helm rollback "$RELEASE" --namespace "$NAMESPACE" --wait
        exit 1
      }
      ;;
    *) echo "release: no step '$step'; there are image, check, push, deploy, smoke" >&2; exit 2 ;;
  esac
done
