#!/usr/bin/env bash
# From a commit to an image in a registry; CI and people call the same steps. Usage: tools/release.sh [--dry-run] STEP...
#   image          the commit compiled and packed into the image localhost/weir:VERSION-COMMIT
#   check          decide from inside of it, drain it, compare layers of two builds
#   updates        its Debian packages against the newest ones of Debian 12 and its security updates
#   scan           it and its libraries against the OSV database of known faults; OSV_DATABASE: a folder with a copy
#   chart          the Helm chart, packed:            out/release/weir-VERSION.tgz
#   archive        the image and its list of contents: out/release/weir-TAG.tar.gz, weir-TAG.cdx.json
#   push           to REGISTRY (host/path); REGISTRY_INSECURE=1 for plain HTTP on loopback: out/release/weir-TAG.digest
#   sums           of what is there:                   out/release/SHA256SUMS
#   sign           SHA256SUMS by SIGNING_KEY (Ed25519, PEM): out/release/SHA256SUMS.sig
#   verify         that signature by PUBLIC_KEY, and the sums
#   deploy         helm upgrade of RELEASE in NAMESPACE with VALUES; rolls itself back when pods do not get ready
#   smoke          URL (where /readyz and /metrics are) is ready and runs this version; else RELEASE is rolled back
# --dry-run prints the commands. BASE: the image's base by digest; BASE_UNPINNED=1 takes one by tag. OUT: another folder.
set -euo pipefail
cd "$(dirname "$0")/.."
dry=0
[ "${1:-}" != --dry-run ] || { dry=1; shift; }
[ "$#" -gt 0 ] || { sed -n '2,15p' "$0" >&2; exit 2; }
version="$(sed -n 's/^project(weir VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)"
tag="$version-$(git rev-parse --short=12 HEAD)"
git diff --quiet HEAD || tag="$tag-dirty"
out="${OUT:-out/release}"
store=(buildah --root build/image/store --runroot build/image/runroot --storage-driver "${STORAGE_DRIVER:-overlay}")

fail() { echo "release: $2" >&2; exit "$1"; }
need() { [ -n "${!1:-}" ] || fail 2 "$1 is not set; $2"; }
run() { if [ "$dry" = 1 ]; then echo "+ $*"; else "$@"; fi; }
write_sums() { (cd "$(dirname "$1")" && rm -f SHA256SUMS SHA256SUMS.sig && sha256sum -- * >SHA256SUMS); }
check_sums() { (cd "$(dirname "$1")" && sha256sum --check --strict --quiet SHA256SUMS); }
image_file() { bash -c '. deploy/docker/images.sh && copy_out "$@"' _ "localhost/weir:$tag" "$1" "$2"; }
ready() { # And it is this version.
  curl -fsS --max-time 5 -o /dev/null --retry 10 --retry-all-errors --retry-delay 3 "$URL/readyz" &&
    curl -fsS --max-time 10 "$URL/metrics" | grep "^weir_build_info{.*version=\"$version\"" >/dev/null
}
committed() { # A tag names a commit.
  [[ "$tag" != *-dirty || "$dry" = 1 ]] || fail 1 "there are uncommitted changes; commit them before $1"
}
if [ -n "${BASE:-}" ] && [[ "$BASE" != *@sha256:* ]] && [ -z "${BASE_UNPINNED:-}" ]; then
  fail 2 "BASE is $BASE, which may change; name it by digest (NAME@sha256:...), or set BASE_UNPINNED=1"
fi

step() {
  case "$1" in
    image)
      run tools/setup.sh --deploy
      run deploy/docker/build.sh
      ;;
    check)
      run tools/build.sh release
      run .venv/bin/python -m pytest -q tests/deploy/test_image.py
      ;;
    updates)
      run mkdir -p "$out"
      run image_file var/lib/dpkg/status build/image/dpkg-status
      run deploy/docker/updates.sh build/image/dpkg-status
      ;;
    scan)
      run tools/setup.sh --scan
      run deploy/docker/scan.sh "$out/weir-$tag.tar.gz" "$out/weir-$tag.cdx.json"
      ;;
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
      run image_file usr/share/weir/sbom.cdx.json "$out/weir-$tag.cdx.json"
      ;;
    sums) run write_sums "$out/SHA256SUMS" ;;
    sign)
      need SIGNING_KEY "the file of an Ed25519 key: openssl genpkey -algorithm ed25519 -out FILE"
      run openssl pkeyutl -sign -rawin -inkey "$SIGNING_KEY" -in "$out/SHA256SUMS" -out "$out/SHA256SUMS.sig"
      ;;
    verify)
      need PUBLIC_KEY "openssl pkey -in KEY -pubout -out FILE"
      run openssl pkeyutl -verify -rawin -pubin -inkey "$PUBLIC_KEY" -in "$out/SHA256SUMS" -sigfile "$out/SHA256SUMS.sig"
      run check_sums "$out/SHA256SUMS"
      ;;
    push)
      need REGISTRY "for example cr.yandex/REGISTRY_ID"
      committed push
      run mkdir -p "$out"
      verify=true
      [ -z "${REGISTRY_INSECURE:-}" ] || verify=false
      run "${store[@]}" push --signature-policy build/image/policy.json --tls-verify="$verify" --digestfile "$out/weir-$tag.digest" \
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
      run ready || {
        echo "release: $URL is not ready with version $version" >&2
        [ -z "${RELEASE:-}" ] || build/tools/helm rollback "$RELEASE" --namespace "$NAMESPACE" --wait
        exit 1
      }
      ;;
    *) fail 2 "no step '$1'; there are image, check, updates, scan, chart, archive, push, sums, sign, verify, deploy, smoke" ;;
  esac
}
for name in "$@"; do step "$name"; done
