import http, { type RequestListener } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A server that speaks raw TCP on loopback until the test is finished. @returns its URL */
export async function listenRaw(onSocket: (socket: Socket) => void): Promise<URL> {
  return listenUntilFinished(net.createServer(onSocket));
}

/** An HTTP server on loopback with this handler until the test is finished. @returns its URL */
export async function listenHttp(answer: RequestListener): Promise<URL> {
  return listenUntilFinished(http.createServer(answer));
}

/**
 * A URL on loopback that nothing listens on: no program has the port, and none is given it by the system, as those that have been
 * free are. `fetch` does not refuse it.
 */
export async function deadUrl(): Promise<URL> {
  return new URL('http://127.0.0.1:2');
}

/** Any server on loopback until the test is finished. @returns its URL, of http */
export async function listenUntilFinished(server: net.Server): Promise<URL> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  const url = await listening(server);
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return url;
}

async function listening(server: net.Server): Promise<URL> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}
