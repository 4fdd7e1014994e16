import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { pipeline } from 'node:stream';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { startWorld, type World } from '../publish/world.ts';
import { type ForwardProxy, startForwardProxy } from './forward-proxy.ts';
import { listenUntilFinished } from './loopback-server.ts';

const CERTIFICATE = fileURLToPath(new URL('../../fixtures/tls/cert.pem', import.meta.url));
const KEY = fileURLToPath(new URL('../../fixtures/tls/key.pem', import.meta.url));

/** A server that only a proxy can reach: no name server knows its name. */
export async function startBehindProxy(
  scheme: 'http' | 'https',
): Promise<{ world: World; proxy: ForwardProxy; env: Record<string, string> }> {
  const url = new URL(`${scheme}://updates.example`);
  const world = await startWorld(['--public-url', url.origin], url);
  const serve = new URL(world.server.url);
  const proxy = await startForwardProxy();
  proxy.hosts.set('updates.example', scheme === 'https' ? (await startTls(serve)).port : serve.port);
  proxy.credentials = 'user:secret';
  const via = Object.assign(new URL(proxy.url), { username: 'user', password: 'secret' }).href;
  const env = { [`${scheme.toUpperCase()}_PROXY`]: via, NODE_EXTRA_CA_CERTS: CERTIFICATE };
  return { world, proxy, env };
}

/** Ends TLS before a plain server. */
async function startTls(plain: URL): Promise<URL> {
  const options = { cert: await readFile(CERTIFICATE), key: await readFile(KEY) };
  const server = tls.createServer(options, (socket) => {
    const onward = net.connect(Number(plain.port), plain.hostname);
    pipeline(socket, onward, () => {});
    pipeline(onward, socket, () => {});
  });
  return listenUntilFinished(server);
}
