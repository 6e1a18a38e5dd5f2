# syntax=docker/dockerfile:1
# mlsbom in a container: two stages, no root, no network needed when it runs, data packs inside the wheel.
#
#   docker build -t mlsbom .
#   docker run --rm --network none --read-only -v "$PWD:/target:ro" mlsbom scan /target
#
# For a build that can be repeated bit by bit, name the base by its digest and fix the clock:
#   docker build --build-arg PYTHON=python:3.13-slim-bookworm@sha256:... --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) .
ARG PYTHON=python:3.13-slim-bookworm

FROM ${PYTHON} AS build
ARG SOURCE_DATE_EPOCH=0
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_COMPILE=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONHASHSEED=0 \
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}
WORKDIR /build
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /build/tools \
 && /build/tools/bin/python -m pip install --require-hashes -r requirements-build.lock \
 && python -m venv --without-pip /opt/mlsbom \
 && python -m pip --python /opt/mlsbom/bin/python install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY signatures ./signatures
COPY mlsbom ./mlsbom
RUN /build/tools/bin/python -m pip wheel --no-deps --no-build-isolation --no-index --wheel-dir dist . \
 && python -m pip --python /opt/mlsbom/bin/python install --no-deps --no-index dist/*.whl \
 && find /opt/mlsbom -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${PYTHON}
LABEL org.opencontainers.image.title="mlsbom" \
      org.opencontainers.image.description="ML-SBOMs and supply-chain trust for model repositories" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/mlsbom /opt/mlsbom
ENV PATH=/opt/mlsbom/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    XDG_CACHE_HOME=/tmp/cache
USER 65532:65532
WORKDIR /target
ENTRYPOINT ["mlsbom"]
CMD ["--help"]
