# Built in one stage, run in another: the image holds Python, the locked packages and Unglue.
FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PROJECT_ENVIRONMENT=/opt/unglue
WORKDIR /src
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --extra dashboard --no-install-project
COPY adapters adapters
COPY workers workers
COPY service service
RUN uv sync --frozen --no-dev --extra dashboard --no-editable

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home unglue \
    && install -d -m 0700 -o 10001 /var/lib/unglue /var/lib/unglue/exports /var/lib/unglue/spool
COPY --from=build /opt/unglue /opt/unglue
ENV PATH=/opt/unglue/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/unglue
EXPOSE 8000
# Exec form: a worker must be PID 1 itself, or it never hears SIGTERM.
ENTRYPOINT ["unglue"]
CMD ["serve", "--host", "0.0.0.0"]
