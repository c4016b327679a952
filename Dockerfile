# tof-hf for CPUs; how to use it: docs/docker.md. Not built by its authors yet.
FROM python:3.13-slim
RUN pip install --no-cache-dir uv
COPY . /src
# The CPU build of torch first: the default one brings the libraries of GPUs along.
RUN uv pip install --system --no-cache --torch-backend=cpu torch==2.13.0 \
    && uv pip install --system --no-cache --torch-backend=cpu -c /src/constraints.txt /src \
    && rm -rf /src
ENV HF_HOME=/data/.cache/huggingface
WORKDIR /data
ENTRYPOINT ["tof-hf"]
CMD ["--help"]
