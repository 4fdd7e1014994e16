import http from 'node:http';
import net from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { RawConnection } from '../../support/network/raw-connection.ts';
import { bytesOf, Publisher, startServer } from '../../support/publish/publisher.ts';

async function listening() {
  const server = await startServer();
  const { url, drain } = await server.listen();
  const app = await Publisher.on(server);
  return { server, url, drain, app };
}

const CHECK = '/api/sync/ota/my-app/linux/x86_64/0.0.0-0';

test('port 0 picks a free port, which the URL names', async () => {
  const { url } = await listening();
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
  expect((await fetch(`${url}/api/sync/ota`)).status).toBe(200);
});

test('a port that is taken is refused', async () => {
  const { url } = await listening();
  const other = await startServer();
  const { listen } = await import('../../../src/server/listen.ts');
  await expect(listen(other.app, { host: '127.0.0.1', port: Number(new URL(url).port) })).rejects.toThrow(
    'EADDRINUSE',
  );
});

describe('while the server drains', () => {
  test('a request with its body still to come is answered, and its connection is closed', async () => {
    const { url, drain, app } = await listening();
    const connection = await RawConnection.to(url);
    const body = JSON.stringify({ version: '1.0.0', signature: 's' });
    connection.sendHead(
      `POST /api/sync/ota/apps/${app.id}/releases HTTP/1.1`,
      'Content-Type: application/json',
      `Authorization: Bearer ${app.token}`,
      'Expect: 100-continue',
      `Content-Length: ${body.length}`,
    );
    await connection.until(/100 Continue/);
    const drained = drain();
    connection.send(body);
    const reply = await connection.untilClosed();
    expect(reply).toMatch(/HTTP\/1\.1 201 /);
    expect(reply).toMatch(/connection: close/i);
    await drained;
  });

  test('a request on its way over a keep-alive connection is answered, and the connection closed', async () => {
    const { url, drain, app } = await listening();
    await app.publish('1.0.0');
    const connection = await RawConnection.to(url);
    connection.sendHead(`GET ${CHECK} HTTP/1.1`);
    expect(await connection.until(/\r\n\r\n\{.*\}/)).toMatch(/connection: keep-alive/i);
    const drained = drain();
    connection.sendHead(`GET ${CHECK} HTTP/1.1`);
    const replies = (await connection.untilClosed()).split(/(?=HTTP\/1\.1 )/);
    expect(replies).toHaveLength(2);
    expect(replies[1]).toMatch(/^HTTP\/1\.1 200 /);
    expect(replies[1]).toMatch(/connection: close/i);
    expect(replies[1]).toContain('"version":"1.0.0"');
    await drained;
  });

  test('R54: clients with keep-alive lose no request', async () => {
    const { url, drain, app } = await listening();
    await app.publish('1.0.0');
    let answered = 0;
    const clients = Array.from({ length: 20 }, async () => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      onTestFinished(() => agent.destroy());
      for (;;) {
        const { status, closes } = await get(url + CHECK, agent);
        expect(status).toBe(200);
        answered++;
        if (closes) return;
      }
    });
    while (answered < 200) await new Promise((resolve) => setImmediate(resolve));
    await drain();
    await Promise.all(clients);
    expect(answered).toBeGreaterThanOrEqual(220);
  });

  test('a large upload completes, and is stored', async () => {
    const { server, url, drain, app } = await listening();
    const bytes = Buffer.alloc(8 * 1024 * 1024, 'x');
    const upload = new URL(await app.promise('1.0.0', bytes.length));
    const connection = await RawConnection.to(url);
    connection.sendHead(
      `PUT ${upload.pathname}${upload.search} HTTP/1.1`,
      'Expect: 100-continue',
      `Content-Length: ${bytes.length}`,
    );
    await connection.until(/100 Continue/);
    connection.send(bytes.subarray(0, 1_000_000));
    const drained = drain();
    await new Promise((resolve) => setTimeout(resolve, 1500)); // longer than idle connections are kept
    connection.send(bytes.subarray(1_000_000));
    expect(await connection.untilClosed()).toMatch(/HTTP\/1\.1 200 /);
    await drained;
    const rows = await server.database.queries.selectFrom('artifacts').select('status').execute();
    expect(rows).toEqual([{ status: 'complete' }]);
  });

  test('a download that is read slowly completes', async () => {
    const { drain, app } = await listening();
    const bytes = Buffer.alloc(16 * 1024 * 1024, 'x');
    await app.publish('1.0.0', bytes);
    const offer = (await app.check('0.9.0')).json();
    const download = await fetch(offer.url);
    const drained = drain();
    await new Promise((resolve) => setTimeout(resolve, 1500)); // longer than idle connections are kept
    expect(Buffer.from(await download.arrayBuffer()).equals(bytes)).toBe(true);
    await drained;
  });

  test('crash C1: connections that the system has accepted before are answered', async () => {
    const { url, drain, app } = await listening();
    await app.publish('1.0.0');
    const clients = Array.from({ length: 200 }, () => oneCheck(url));
    await new Promise((resolve) => process.nextTick(resolve)); // connected, and the server has not had a turn yet
    const drained = drain();
    const replies = await Promise.all(clients);
    expect(replies.filter((reply) => !reply.startsWith('HTTP/1.1 200 '))).toEqual([]);
    await drained;
  });

  test('new connections are refused', async () => {
    const { url, drain, app } = await listening();
    await app.publish('1.0.0', bytesOf('1.0.0'));
    await drain();
    await expect(RawConnection.to(url)).rejects.toThrow('ECONNREFUSED');
  });

  test('a connection without requests does not delay it', { timeout: 10_000 }, async () => {
    const { url, drain } = await listening();
    await RawConnection.to(url);
    expect((await fetch(`${url}/api/sync/ota`)).status).toBe(200); // the server has taken the connection by now
    await drain();
  });
});

/** A check on a connection of its own, which is opened at once. @returns the reply, or the error */
function oneCheck(url: string): Promise<string> {
  const { port } = new URL(url);
  return new Promise((resolve) => {
    let reply = '';
    const socket = net.connect(Number(port), '127.0.0.1');
    socket.on('data', (chunk) => {
      reply += chunk;
    });
    socket.once('error', (error) => resolve(error.message)).once('close', () => resolve(reply));
    socket.write(`GET ${CHECK} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  });
}

function get(url: string, agent: http.Agent): Promise<{ status: number | undefined; closes: boolean }> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent }, (reply) => {
      reply.resume().on('end', () => {
        resolve({ status: reply.statusCode, closes: reply.headers.connection === 'close' });
      });
    });
    request.on('error', reject);
  });
}
