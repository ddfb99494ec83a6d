# Two images, with the package versions of constraints.txt and the hashes of requirements/:
#   docker build -t carousel .                                    the service
#   docker build -t carousel-train --target train .               training; --build-arg TORCH_INDEX=URL selects an index for torch

FROM python:3.11-slim-bookworm AS wheel
WORKDIR /src
COPY requirements/build.txt requirements/
RUN python -m venv /opt/build && \
    /opt/build/bin/pip install --no-cache-dir --require-hashes --requirement requirements/build.txt
COPY LICENSE README.md pyproject.toml setup.py ./
COPY nmt nmt
COPY serve serve
COPY data/everyday data/everyday
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . && \
    python -m zipfile --list /wheels/*.whl | grep --quiet libcarousel.so


FROM python:3.11-slim-bookworm AS train
LABEL org.opencontainers.image.title="Carousel, training" \
      org.opencontainers.image.description="Trains LSTM translators" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY constraints.txt requirements/train.txt /opt/carousel/
# torch is installed without hashes, because its wheels differ by machine.
ARG TORCH_INDEX
RUN python -m venv /opt/venv && \
    /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement /opt/carousel/train.txt && \
    /opt/venv/bin/pip install --no-cache-dir --constraint /opt/carousel/constraints.txt \
        ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch
COPY --from=wheel /wheels /opt/carousel/wheels
RUN /opt/venv/bin/pip install --no-cache-dir --no-index --no-deps /opt/carousel/wheels/*.whl
ENV PATH=/opt/venv/bin:$PATH \
    XDG_CACHE_HOME=/tmp/cache
WORKDIR /work
USER 65532:65532
CMD ["nmt", "--help"]


FROM python:3.11-slim-bookworm AS installed
RUN python -m venv --without-pip /opt/venv
COPY requirements/serve.txt /src/
# The service never uses NumPy's tests.
RUN pip --python /opt/venv install --no-cache-dir --no-compile --require-hashes --requirement /src/serve.txt && \
    find /opt/venv/lib -path '*/numpy/*' -type d -name tests -prune -exec rm -r {} +
COPY --from=wheel /wheels /wheels
RUN pip --python /opt/venv install --no-cache-dir --no-compile --no-index --no-deps /wheels/*.whl
# Tests the built-in model, and stores the bytecode of all modules that the service imports. Without it, compiling them would
# take most of the start-up time.
RUN PYTHONPYCACHEPREFIX=/opt/venv/bytecode /opt/venv/bin/nmt serve --check && \
    PYTHONPYCACHEPREFIX=/opt/venv/bytecode /opt/venv/bin/python -c 'import serve.health_check'


FROM python:3.11-slim-bookworm AS serve
LABEL org.opencontainers.image.title="Carousel" \
      org.opencontainers.image.description="LSTM translation over HTTP" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=installed /opt/venv /opt/venv
# OpenBLAS uses one thread, because decoding has its own processes. Allocations of a megabyte and more are returned to the
# system when they are freed, so that the process does not keep them.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPYCACHEPREFIX=/opt/venv/bytecode \
    PYTHONDONTWRITEBYTECODE=1 \
    OPENBLAS_NUM_THREADS=1 \
    MALLOC_MMAP_THRESHOLD_=1048576 \
    MALLOC_TRIM_THRESHOLD_=1048576 \
    NMT_HOST=0.0.0.0 \
    NMT_PORT=5000 \
    NMT_MODELS=/models
# Also creates the directory. While it is empty, the built-in model is served.
WORKDIR /models
USER 65532:65532
EXPOSE 5000
HEALTHCHECK --start-period=10s CMD ["python", "-m", "serve.health_check", "/health"]
ENTRYPOINT ["nmt", "serve"]
