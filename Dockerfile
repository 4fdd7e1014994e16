# The server in a container: docker run -p 127.0.0.1:4680:4680 -v synckit-ota:/data synckit-ota --public-url https://…
# Tags can be moved: pin the images by digest with --build-arg NODE_IMAGE=node@sha256:… (docs/security/supply-chain.md).
ARG NODE_IMAGE=node:24
ARG NODE_SLIM_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN node node_modules/tsup/dist/cli-default.js && npm prune --omit=dev --ignore-scripts

FROM ${NODE_SLIM_IMAGE}
COPY --from=build /src/package.json /src/LICENSE /opt/synckit-ota/
COPY --from=build /src/bin /opt/synckit-ota/bin
COPY --from=build /src/dist /opt/synckit-ota/dist
COPY --from=build /src/node_modules /opt/synckit-ota/node_modules
RUN ln -s /opt/synckit-ota/bin/synckit-ota.js /usr/local/bin/synckit-ota && mkdir -m 700 /data && chown node:node /data
ENV SYNCKIT_OTA_DATA=/data
VOLUME /data
USER node
EXPOSE 4680
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:4680/livez').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["synckit-ota", "serve", "--host", "0.0.0.0"]
