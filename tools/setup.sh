#!/usr/bin/env bash
# Makes this machine ready to build and test weir: Debian packages, then one locked Python environment
# in .venv. Safe to run again: when nothing changed it only compares a stamp and returns.
# Usage: tools/setup.sh [--program | [--bench] [--fuzz] [--stack] [--postgres] [--deploy] [--scan] [--cluster]]
# (--program: no more than the binary needs; else everything for building and testing and, added, the rivals of the
# benchmarks; clang's libFuzzer; what `make stack` and the jobs need, Postgres; image, chart, monitoring and their checks;
# the scanner of images; a one-node Kubernetes, a quarter of an hour the first time; --packages: only the packages' names)
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(g++ cmake ninja-build ccache git make pkg-config python3 python3-dev python3-venv
  libfmt-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libssl-dev libhttp-parser-dev libsqlite3-dev
  libzstd-dev zlib1g-dev libxxhash-dev librdkafka-dev libjemalloc-dev libgtest-dev libgmock-dev libbenchmark-dev shellcheck zstd)
locks=(requirements/weir.lock)  # The environment holds exactly these.
wants_bench=0
wants_stack=0
wants_deploy=0
wants_scan=0
wants_cluster=0
for argument in "$@"; do
  case "$argument" in
    --packages) printf '%s\n' "${packages[@]}"; exit ;;  # No more than their names.
    --program) locks=(requirements/build.lock) ;;
    --bench) wants_bench=1; packages+=(libsimdjson-dev) ;;
    --fuzz) packages+=(clang) ;;
    --browser) packages+=(chromium) ;;
    --stack) wants_stack=1; packages+=(openjdk-17-jre-headless maven
      prometheus prometheus-alertmanager prometheus-blackbox-exporter) ;;
    --postgres) packages+=(postgresql-15) ;;
    --deploy) wants_deploy=1; packages+=(buildah skopeo docker-registry mmdebstrap chrpath runc) ;;
    --scan) wants_scan=1 ;;
    --cluster) wants_cluster=1; packages+=(containerd runc etcd-server containernetworking-plugins iptables conntrack
      nftables ethtool socat iproute2) ;;
    *) echo "setup: unknown option '$argument'; wanted --program, --bench, --fuzz, --browser, --stack, --postgres, --deploy, --scan or --cluster" >&2; exit 2 ;;
  esac
done

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
apt_install() {
  local missing=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ "${#missing[@]}" = 0 ] && return
  echo "setup: installing Debian packages: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
apt_install "${packages[@]}"
if [[ " ${packages[*]} " == *" clang "* ]]; then
  # libFuzzer's runtime is a package named after clang's own version.
  apt_install "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
fi

python="$("${WEIR_PYTHON:-python3}" -c 'import sys; print(sys.executable)')"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "setup: $python is older than Python 3.11; set WEIR_PYTHON to a newer one" >&2
  exit 1
}
# What is installed stays, or `make run`, `make test` and `make bench` would undo each other.
if grep -qs weir.lock .venv/.weir-locks; then locks=(requirements/weir.lock); fi
if [ "$wants_bench" = 1 ] || grep -qs bench .venv/.weir-locks; then
  locks+=(requirements/bench.lock)
fi
# .venv/.weir-locks lists the interpreter and the hash of each lock file that is installed.
lock_hash() { sha256sum "$1" | cut -d' ' -f1; }
complete=1
for lock in "${locks[@]}"; do
  grep -qxF "$(lock_hash "$lock") $lock $python" .venv/.weir-locks 2>/dev/null || complete=0
done
if [ "$complete" = 0 ]; then
  echo "setup: making the Python environment .venv from ${locks[*]}"
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  rm -f .venv/.weir-locks
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
  .venv/bin/uv pip sync --quiet --compile-bytecode --python .venv/bin/python requirements/uv.lock "${locks[@]}"
  for lock in "${locks[@]}"; do echo "$(lock_hash "$lock") $lock $python"; done >.venv/.weir-locks
fi
[ "$wants_stack" = 0 ] || deploy/local/install.sh
[ "$wants_deploy" = 0 ] || deploy/tools/install.sh
[ "$wants_scan" = 0 ] || deploy/tools/install.sh deploy/scan
[ "$wants_cluster" = 0 ] || deploy/tools/install.sh deploy/cluster
