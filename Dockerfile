# One image for every service; the command chooses: python -m auth_service, profile_service, chat_service, …
#
#     make image
#
# BASE_IMAGE needs CPython 3.11 or newer as `python3`, with `venv`, on glibc. Name it by digest for a release.
ARG BASE_IMAGE=docker.io/library/python:3.13-slim-trixie

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
# Where the packages come from, if not from where pip looks by itself; every file is checked against its hash anyway.
ARG PIP_INDEX_URL
ARG PIP_CERT
WORKDIR /build

# pip and the build backend stay behind: only what is installed into /opt/parley goes into the image.
COPY requirements/build.txt requirements/image.txt requirements/
RUN python3 -m venv tools \
 && tools/bin/pip install -q --require-hashes --no-deps --only-binary :all: -r requirements/build.txt \
 && python3 -m venv --without-pip /opt/parley \
 && tools/bin/pip --python /opt/parley/bin/python install -q --require-hashes --no-deps --no-compile \
      --only-binary :all: -r requirements/image.txt

COPY . source
# The web client is in it if it was built before. Byte code is checked against nothing and files are dated alike, so that the same sources give the same files.
ARG SOURCE_DATE_EPOCH=0
RUN tools/bin/pip wheel -q --no-deps --no-build-isolation --wheel-dir wheels ./source \
 && tools/bin/pip --python /opt/parley/bin/python install -q --no-deps --no-compile --no-index wheels/*.whl \
 && rm -f /opt/parley/lib/python3*/site-packages/parley-*.dist-info/direct_url.json \
 && mkdir /opt/parley/web && if [ -d source/web/dist ]; then cp -R source/web/dist/. /opt/parley/web/; fi \
 && PYTHONHASHSEED=0 /opt/parley/bin/python -m compileall -q -j 1 --invalidation-mode unchecked-hash /opt/parley/lib \
 && find /opt/parley -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +

FROM ${BASE_IMAGE}
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Parley" \
      org.opencontainers.image.description="A self-hosted chat backend: all services in one image" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/parley /opt/parley
# Nothing is written at run time: the root file system may be read-only, and no folder but the environment is searched.
ENV PATH=/opt/parley/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /
EXPOSE 8000 8001
CMD ["python", "-m", "gateway_service"]
