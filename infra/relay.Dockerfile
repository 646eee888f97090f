# An image of the relay, for those who do not want it fetched at the start (RelayPackage). From the root:
#   docker build --platform linux/arm64 --file infra/relay.Dockerfile --tag $REPOSITORY:$VERSION .     (or linux/amd64)
#   docker push $REPOSITORY:$VERSION
#   sam deploy --parameter-overrides RelayImageUri=$REPOSITORY@sha256:... Architecture=arm64                (or x86_64)
# The repository is one that the execution role may pull from. By digest all tasks of a stack run the same image.

FROM rust:1.94.1-bookworm AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY shared shared
COPY functions functions
# The workspace names them; nothing of them is built.
COPY local local
COPY bench bench
RUN cargo build --locked --release --package functions --bin relay

# What the relay needs and no more: no shell, no package manager. Its libraries are those it was built with.
RUN set -eu; \
    mkdir -p /root-of-image/etc/ssl/certs; \
    install -m 0555 target/release/relay /root-of-image/relay; \
    ldd target/release/relay | grep -o '/[^ ]*' | xargs -I '{}' cp --parents --dereference '{}' /root-of-image; \
    cp /etc/ssl/certs/ca-certificates.crt /root-of-image/etc/ssl/certs/; \
    echo 'hosts: files dns' > /root-of-image/etc/nsswitch.conf; \
    echo 'relay:x:10001:10001::/:/relay' > /root-of-image/etc/passwd

FROM scratch
COPY --from=build /root-of-image /
USER 10001:10001
# Streams of the direct path (RELAY_PUBLIC_LISTEN), and frames, metrics and health (RELAY_LISTEN).
EXPOSE 8080 8081
ENTRYPOINT ["/relay"]
