# The server in a container: docker run -p 4680:4680 -v synckit-ota:/data synckit-ota --public-url https://…
FROM node:24 AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm pack && npm install --global --prefix /opt/synckit-ota ./synckit-ota-*.tgz

FROM node:24-slim
COPY --from=build /opt/synckit-ota /opt/synckit-ota
ENV PATH="/opt/synckit-ota/bin:$PATH" SYNCKIT_OTA_DATA=/data
RUN mkdir -m 700 /data && chown node:node /data
VOLUME /data
USER node
EXPOSE 4680
ENTRYPOINT ["synckit-ota", "serve", "--host", "0.0.0.0"]
