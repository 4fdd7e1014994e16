import http from 'node:http';
import net, { type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { listenUntilFinished } from './loopback-server.ts';

/** A forward proxy as in companies: tunnels by CONNECT, and requests with a full URL. */
export interface ForwardProxy {
  readonly url: URL;
  /** All requests to it: `CONNECT host:port`, `GET http://host/path`. */
  readonly asked: string[];
  /** The ports on loopback of hosts, by name; it cannot reach any others. */
  readonly hosts: Map<string, string>;
  /** The response for http hosts that it cannot reach, instead of 502. */
  page?: string;
  /** The credentials that it requires: `user:password`. */
  credentials?: string;
  /** Whether a request is left without an answer, and not passed on. Default: none. */
  isLost?: (method: string, url: string) => boolean;
}

/** Starts a proxy that runs until the test is finished. */
export async function startForwardProxy(): Promise<ForwardProxy> {
  const proxy: Omit<ForwardProxy, 'url'> = { asked: [], hosts: new Map() };
  const mayPass = ({ headers }: http.IncomingMessage) =>
    proxy.credentials === undefined ||
    headers['proxy-authorization'] === `Basic ${Buffer.from(proxy.credentials).toString('base64')}`;

  const server = http.createServer((request, response) => {
    const { method, url = '', headers } = request;
    proxy.asked.push(`${method} ${url}`);
    if (!mayPass(request)) {
      request.resume();
      return response.writeHead(407, { 'proxy-authenticate': 'Basic' }).end('<html>Log in</html>');
    }
    if (proxy.isLost?.(method ?? '', url)) return request.resume();
    const { hostname, pathname, search } = new URL(url);
    const options = { host: '127.0.0.1', port: proxy.hosts.get(hostname), path: pathname + search };
    if (options.port === undefined) return response.writeHead(proxy.page ? 200 : 502).end(proxy.page);
    const { 'proxy-authorization': _, ...passedOn } = headers; // meant for the proxy
    const onward = http.request({ ...options, method, headers: passedOn }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, response, () => {});
    });
    return pipeline(request, onward, () => {});
  });
  server.on('connect', (request: http.IncomingMessage, socket: Socket) => {
    proxy.asked.push(`CONNECT ${request.url}`);
    if (!mayPass(request)) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const port = proxy.hosts.get(request.url?.split(':')[0] ?? '');
    if (port === undefined) return socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    const onward = net.connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      pipeline(onward, socket, () => {});
      pipeline(socket, onward, () => {});
    });
    return onward.on('error', () => socket.destroy());
  });
  return Object.assign(proxy, { url: await listenUntilFinished(server) });
}
