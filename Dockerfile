# Built in one stage, run in another: the image holds Python, the locked packages and Unglue.
# Any Debian with Python 3.11 or newer and its venv will do as a base. A release names it by digest:
#   docker build --build-arg BASE=python:3.13-slim@sha256:… .
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
# The machine's own certificates, so that it also builds behind a proxy that inspects TLS.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt UV_SYSTEM_CERTS=1 \
    UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/unglue
WORKDIR /src
COPY deploy/image/uv.txt ./
RUN python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --quiet --require-hashes -r uv.txt
# What changes seldom comes first: a changed line of code installs no dependency again.
COPY pyproject.toml uv.lock ./
RUN /opt/uv/bin/uv sync --quiet --frozen --no-dev --extra dashboard --extra oidc --extra otel --no-install-project \
    && /opt/uv/bin/uv export --quiet --frozen --no-dev --extra dashboard --extra oidc --extra otel --format cyclonedx1.5 \
       --preview-features sbom-export > /opt/sbom.cdx.json
COPY README.md LICENSE ./
COPY adapters adapters
COPY workers workers
COPY service service
RUN /opt/uv/bin/uv sync --quiet --frozen --no-dev --extra dashboard --extra oidc --extra otel --no-editable

FROM ${BASE}
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Unglue" \
      org.opencontainers.image.description="Deletes an offboarded client's organization from IT Glue" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN useradd --uid 10001 --no-log-init --no-create-home unglue \
    && install -d -m 0700 -o 10001 /var/lib/unglue /var/lib/unglue/exports /var/lib/unglue/spool \
       /var/lib/unglue/state
COPY --from=build /opt/sbom.cdx.json /usr/share/doc/unglue/sbom.cdx.json
COPY --from=build /opt/unglue /opt/unglue
# A part that has no port touches the file while its loop turns; `unglue alive` looks at either.
ENV PATH=/opt/unglue/bin:$PATH PYTHONUNBUFFERED=1 UNGLUE_WORKER__PULSE=/tmp/unglue.pulse
USER 10001
WORKDIR /var/lib/unglue
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["unglue", "alive"]
# Exec form: a worker must be PID 1 itself, or it never hears SIGTERM.
ENTRYPOINT ["unglue"]
CMD ["serve", "--host", "0.0.0.0"]
