# syntax=docker/dockerfile:1

# The builder brings gcc, make and perl, which librdkafka and the vendored OpenSSL are compiled with.
FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
# The caches live with the builder, not in a layer: a change of src/ does not compile the dependencies again.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --bin undertone \
    && cp target/release/undertone /usr/local/bin/undertone

FROM python:3.12-slim-bookworm AS onnxruntime
WORKDIR /src
COPY scripts/onnxruntime.sh scripts/
RUN sh scripts/onnxruntime.sh

FROM debian:bookworm-slim
# tzdata: business calendars; ca-certificates: TLS to the brokers; libstdc++: ONNX Runtime.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libstdc++6 tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin undertone

# Settings name the model and the library by paths relative to the working directory.
WORKDIR /opt/undertone
COPY --from=onnxruntime /src/.onnxruntime/ .onnxruntime/
COPY models/ models/
COPY demo/ demo/
COPY config/undertone.toml config/policy.toml /etc/undertone/
COPY --from=build /usr/local/bin/undertone /usr/local/bin/undertone

# Numeric, so that Kubernetes can see that it is not root.
USER 10001:10001
# The default listens on the loopback alone, which nobody outside the container could scrape.
ENV UNDERTONE_OPERATE__LISTEN=0.0.0.0:9464 \
    ORT_DYLIB_PATH=/opt/undertone/.onnxruntime/libonnxruntime.so
EXPOSE 9464
STOPSIGNAL SIGTERM
# bash speaks TCP by itself; curl and wget would have to be installed for this alone.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/9464 && printf 'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["undertone"]
CMD ["run", "--config", "/etc/undertone/undertone.toml"]
