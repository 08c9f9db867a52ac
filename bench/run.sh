#!/usr/bin/env bash
# All benchmarks, rivals in the same run; each checks its answer before it times.
# Usage: bench/run.sh [cleaning|features|model|pipeline|serving|soak|large-state|spark|streaming|spark-streaming|takeover|replicas] …    (default: the first four)
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh --bench
tools/build.sh release
out=out/bench
mkdir -p "$out"
weir=build/release/weir
python=.venv/bin/python
subjects=("$@")
[ "${#subjects[@]}" = 0 ] && subjects=(model features pipeline cleaning)

echo "machine: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2), $(nproc) cores; $(g++ --version | head -1); commit $(git rev-parse --short HEAD)"
failed=0
for subject in "${subjects[@]}"; do
  printf '\n== %s\n' "$subject"
  case "$subject" in
    model) build/release/bench/model_bench ;;
    features)
      build/release/bench/features_bench
      payments="${WEIR_SHARED_DATA:-../shared/data}/handbook-2018.csv.zst"
      if [ -f "$payments" ]; then
        "$python" bench/features_vs_polars.py "$payments"
      else
        echo "not compared with Polars: the handbook's published payments are not at $payments; set WEIR_SHARED_DATA"
      fi
      ;;
    pipeline)
      if [ ! -d "$out/bundle" ] || [ ! -d "$out/lake" ]; then
        $weir simulate --preset course-small --out "$out/data" --quiet >/dev/null
        $weir clean "$out/data/raw" --out "$out/lake" --quiet >/dev/null
        $weir features "$out/lake" --spec weir --out "$out/features.parquet" --quiet >/dev/null
        $weir train "$out/features.parquet" --out "$out/bundle" --quiet >/dev/null
      fi
      # As weir serve and weir stream start themselves.
      GLIBC_TUNABLES=glibc.malloc.hugetlb=1 build/release/bench/pipeline_bench "$out/bundle" "$out/lake"
      ;;
    serving)
      if [ ! -x build/release/bench/bare_server ]; then # Configured before simdjson was here.
        cmake --preset release >/dev/null
        tools/build.sh release bare_server
      fi
      [ -d "$out/bundle" ] || "$0" pipeline
      [ -x .venv-serving/bin/python ] || python3 -m venv .venv-serving
      .venv/bin/uv pip sync --quiet --python .venv-serving/bin/python requirements/serving.lock
      "$python" bench/serving/run.py
      ;;
    soak)
      [ -d "$out/bundle" ] || "$0" pipeline
      "$python" bench/serving/soak.py "$out/bundle" --minutes "${MINUTES:-10}"
      ;;
    large-state)
      [ -d "$out/bundle" ] || "$0" pipeline
      "$python" bench/serving/large_state.py "$out/bundle"
      ;;
    cleaning) "$python" bench/cleaning/compare.py ;;
    spark)
      tools/setup.sh --stack
      for what in "compare.py features" "compare.py cleaning" rounds.py; do
        # shellcheck disable=SC2086  # A program and its word.
        PYTHONPATH=build/release/python WEIR_HOME=. PYSPARK_PYTHON=.venv-lifecycle/bin/python \
          .venv-lifecycle/bin/python bench/spark/$what || failed=1
      done
      ;;
    streaming)
      tools/setup.sh --bench --stack
      [ -d "$out/bundle" ] || "$0" pipeline
      .venv-stream/bin/python bench/streaming/run.py "$out/bundle"
      .venv-stream/bin/python bench/streaming/rivals.py "$out/bundle" "$out/features.parquet"
      ;;
    spark-streaming)
      tools/setup.sh --bench --stack
      [ -d "$out/bundle" ] || "$0" pipeline
      .venv-stream/bin/python bench/streaming/spark_rate.py "$out/bundle"
      ;;
    takeover)
      tools/setup.sh --bench --stack
      [ -d "$out/bundle" ] || "$0" pipeline
      .venv-stream/bin/python bench/streaming/takeover.py "$out/bundle" || failed=1
      ;;
    replicas)
      tools/setup.sh --bench --stack
      [ -d "$out/bundle" ] || "$0" pipeline
      .venv-stream/bin/python bench/streaming/replicas.py "$out/bundle"
      ;;
    *) echo "bench: unknown subject '$subject'; known: model features pipeline cleaning serving soak large-state spark streaming spark-streaming takeover replicas" >&2; exit 2 ;;
  esac
done
exit "$failed"
