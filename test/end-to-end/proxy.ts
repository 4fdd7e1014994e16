import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { Transform } from 'node:stream';
import { listenHttp } from '../support/loopback-server.ts';

/** A reverse proxy before a server that is started after it. */
export interface Proxy {
  /** Where it is reached. */
  readonly url: URL;
  /** The origin it passes requests on to. */
  target: string;
  /** Taken off each path. */
  prefix: string;
  /** Called for each request: true means that it was dealt with. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Changes the bodies of answers to such requests. */
  spoil: (request: IncomingMessage) => boolean;
}

export async function startProxy(): Promise<Proxy> {
  const proxy: Omit<Proxy, 'url'> = { target: '', prefix: '', intercept: () => false, spoil: () => false };
  const url = await listenHttp((request, response) => {
    if (proxy.intercept(request, response)) return;
    const { method, headers } = request;
    const path = (request.url ?? '').slice(proxy.prefix.length);
    const onward = http.request(new URL(path, proxy.target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(proxy.spoil(request) ? flipBits() : pass()).pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  return Object.assign(proxy, { url });
}

function pass(): Transform {
  return new Transform({ transform: (chunk, _, done) => done(null, chunk) });
}

function flipBits(): Transform {
  return new Transform({
    transform: (chunk: Buffer, _, done) =>
      done(
        null,
        chunk.map((byte) => byte ^ 1),
      ),
  });
}
