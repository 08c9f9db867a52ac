#!/usr/bin/env bash
# True when the machine has Go of this version or newer. Usage: go-is-at-least.sh 1.26.0
set -euo pipefail
have="$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null)" || exit 1
[ "$(printf '%s\n' "$1" "${have#go}" | sort -V | head -1)" = "$1" ]
