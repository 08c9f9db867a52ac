#!/usr/bin/env bash
# Installs what the local stack, the jobs and the stream run on, all of it locked: three Python environments
# (.venv-lifecycle, .venv-airflow, .venv-stream), and in build/stack/ Spark's connectors, the Kafka broker, the S3 server
# and the receiver of metrics. Safe to run again: what is there already and unchanged is left alone. tools/setup.sh --stack
# calls it.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p build/stack

hash_of() { cat "$@" | sha256sum | cut -d' ' -f1; }
unchanged() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }

make_environment() { # NAME: .venv-NAME from requirements/NAME.lock
  local folder=".venv-$1" lock="requirements/$1.lock" stamp
  stamp="$(hash_of "$lock") $(.venv/bin/python -c 'import sys; print(sys.base_prefix)')"
  unchanged "$folder/.weir-lock" "$stamp" && return
  echo "stack: making the Python environment $folder from $lock"
  [ -x "$folder/bin/python" ] || .venv/bin/uv venv --quiet --python .venv/bin/python "$folder"
  rm -f "$folder/.weir-lock"
  .venv/bin/uv pip sync --quiet --require-hashes --compile-bytecode --python "$folder/bin/python" "$lock"
  echo "$stamp" >"$folder/.weir-lock"
}

fetch_jars() { # LOCK_FOLDER TARGET WHAT: the jars of its pom.xml, each as its jars.sha256 names it
  local stamp folder="deploy/local/$1" target="build/stack/$2"
  stamp="$(hash_of "$folder/pom.xml" "$folder/jars.sha256")"
  unchanged "$target/.weir-lock" "$stamp" && return
  echo "stack: fetching $3"
  rm -rf "$target"
  mvn -B -q -f "$folder/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$PWD/$target"
  (cd "$target" && sha256sum --check --strict --quiet) <"$folder/jars.sha256" || {
    echo "stack: a jar is not the one that $folder/jars.sha256 names; nothing was installed" >&2
    rm -rf "$target"
    exit 1
  }
  echo "$stamp" >"$target/.weir-lock"
}

make_environment lifecycle
make_environment airflow
make_environment stream
fetch_jars jars jars "Spark's connectors"
fetch_jars kafka kafka "the Kafka broker"
deploy/tools/install.sh deploy/local build/stack # The S3 server and the receiver of metrics.
