# The jobs of the model's life (jobs/*.py): Python, Java for Spark, the locked environment, weir's package.
# deploy/docker/build_jobs.sh fills the context. BASE: as for the service.
ARG BASE=debian:bookworm-slim
FROM ${BASE} AS runtime
ARG PACKAGES="ca-certificates python3 openjdk-17-jre-headless procps libfmt9 libxxhash0 libssl3 libstdc++6 libgomp1"
RUN dpkg -s ${PACKAGES} >/dev/null 2>&1 || (apt-get update && \
    apt-get install -y --no-install-recommends ${PACKAGES} && rm -rf /var/lib/apt/lists/*)

FROM runtime
ARG VERSION
ARG COMMIT
LABEL org.opencontainers.image.title="weir-jobs" \
      org.opencontainers.image.description="Cleaning, training and watching of weir's models on Spark and MLflow" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
COPY environment/ /opt/weir/environment/
COPY python/ /opt/weir/python/
COPY jobs/ /opt/weir/jobs/
COPY sbom.cdx.json /usr/share/weir/sbom.cdx.json
ENV PYTHONPATH=/opt/weir/python:/opt/weir/environment \
    PYSPARK_PYTHON=python3 \
    PYTHONDONTWRITEBYTECODE=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    HOME=/tmp
# A missing library fails the build, not the first job.
RUN python3 -c "import weir, pyspark, mlflow.pyfunc, xgboost, boto3"
# Spark writes to /tmp only; the root may be read-only.
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["python3"]
CMD ["/opt/weir/jobs/clean.py", "--help"]
