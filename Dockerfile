# syntax=docker/dockerfile:1
# One image for api and conductor (target `control`, the last and default one), one for the worker (target `worker`).
#
#   docker build -t varve .
#   docker build -t varve-worker --target worker .

# ---- what is built with everything
FROM node:24-bookworm-slim AS build
WORKDIR /opt/varve
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY . .
RUN npm run build

# ---- what is run with
FROM node:24-bookworm-slim AS packages
WORKDIR /opt/varve
COPY package.json package-lock.json ./
# The optional packages are a Node of our own, and this image is one.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --no-audit --no-fund

FROM node:24-bookworm-slim AS base
LABEL org.opencontainers.image.title="Varve" \
      org.opencontainers.image.description="Live snapshots and rollback of the system disks of qemu/kvm instances" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production NODE_OPTIONS=--enable-source-maps
WORKDIR /opt/varve
COPY --from=packages /opt/varve/node_modules node_modules
COPY --from=build /opt/varve/dist dist
COPY package.json LICENSE ./
COPY packaging/bin packaging/bin
COPY packaging/compose packaging/compose
COPY packaging/bash-completion/varve /usr/share/bash-completion/completions/varve
COPY packaging/man/varve.1 /usr/local/share/man/man1/varve.1
RUN ln -s /opt/varve/packaging/bin/varve /usr/local/bin/varve

# ---- the worker: beside the host's QEMU, with its tools. It has to see the host's processes (`--pid=host`), since
# locks of other PID namespaces don't show in /proc/locks, and the instances under the very paths that QEMU knows.
FROM base AS worker
RUN apt-get update \
 && apt-get install -y --no-install-recommends qemu-utils qemu-system-x86 \
 && rm -rf /var/lib/apt/lists/*
CMD ["node", "dist/apps/worker/main.js"]

# ---- api and conductor
FROM base AS control
USER node
EXPOSE 8780
# The conductor is the same image with another command.
CMD ["node", "dist/apps/api/main.js"]
