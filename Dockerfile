# The translation service. Mount a model directory at /models:
#   docker build -t carousel .
#   docker run -p 5000:5000 -v "$PWD/runs/demo/model:/models:ro" carousel

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/venv
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY nmt nmt
COPY serve serve
RUN /opt/venv/bin/pip install --no-cache-dir --constraint constraints.txt '.[serve]'

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Carousel" \
      org.opencontainers.image.description="LSTM translation over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    NMT_HOST=0.0.0.0 \
    NMT_PORT=5000 \
    NMT_MODELS=/models
USER 65532:65532
EXPOSE 5000
HEALTHCHECK --start-period=30s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:5000/health', timeout=3)"]
ENTRYPOINT ["nmt", "serve"]
