#!/usr/bin/env bash
# Fails when a package of an image is older than Debian 12's newest, security updates included: a fault that Debian has
# mended is in the image. Usage: deploy/docker/updates.sh DPKG_STATUS, the image's /var/lib/dpkg/status; on Debian 12.
set -euo pipefail
status="$(realpath "$1")"
grep -q '^VERSION_CODENAME=bookworm$' /etc/os-release || { echo "updates: needs the package lists of Debian 12" >&2; exit 2; }
if [ "$(id -u)" = 0 ]; then apt-get update -qq; else sudo apt-get update -qq; fi
apt-cache policy | grep 'n=bookworm-security' >/dev/null || {
  echo "updates: apt knows no security updates here; add bookworm-security to its sources" >&2
  exit 2
}
mapfile -t names < <(awk '$1 == "Package:" {name = $2} /^Status: install ok installed/ {print name}' "$status")
newer="$(apt-cache -o Dir::State::status="$status" policy "${names[@]}" | awk '
  /^[^ ]/ {name = $1}
  $1 == "Installed:" {installed = $2}
  $1 == "Candidate:" && $2 != installed {print name, installed, "->", $2}')"
if [ -n "$newer" ]; then
  echo "$newer" >&2
  echo "updates: Debian has newer packages than the image; take a newer BASE, or remove build/image/*.tar, and build again" >&2
  exit 1
fi
echo "updates: ${#names[@]} packages, each the newest of Debian 12"
