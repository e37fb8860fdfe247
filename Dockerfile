# The server of obamanet web, without TensorFlow, for one machine's cores:
#
#     docker build -t obamanet .
#     docker run -p 7860:7860 -e OBAMANET_TOKEN=$(openssl rand -hex 16) obamanet
#     docker run ... -v $PWD/persons:/persons:ro obamanet --person anna=/persons/anna
#
FROM python:3.13-slim AS build

WORKDIR /source
COPY setup.cfg pyproject.toml MANIFEST.in README.md LICENSE THIRD_PARTY.md ./
COPY obamanet obamanet
COPY checkpoints/grid_s1 checkpoints/grid_s1
COPY text2face text2face
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir ".[web]"

FROM python:3.13-slim

# Never root; the home holds the signing key and results.
RUN useradd --create-home --uid 1000 obamanet
COPY --from=build /venv /venv
USER obamanet
WORKDIR /home/obamanet
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1

# Persons of your own, read-only is enough; the key that videos are signed with, and results while they are kept.
VOLUME ["/persons", "/home/obamanet"]
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/health', timeout=4)"]
STOPSIGNAL SIGINT
ENTRYPOINT ["obamanet", "web", "--host", "0.0.0.0", "--port", "7860"]
