import { describe, expect, test } from 'vitest';
import { MAX_PIPELINED } from '../../../../src/server/limits/one-at-a-time.ts';
import { RawConnection } from '../../../support/network/raw-connection.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';

const CHECK = '/api/sync/ota/my-app/linux/x86_64/0.1.0';

async function listening() {
  const server = await startServer();
  const { url } = await server.listen();
  const app = await Publisher.on(server);
  await app.publish('1.0.0');
  return { server, app, connection: await RawConnection.to(url), url };
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const repliesIn = (text: string) => text.split(/(?=HTTP\/1\.1 \d)/).filter(Boolean);

describe('pipelined requests', () => {
  test('are answered in their order, whatever answers them', async () => {
    const { app, connection } = await listening();
    const paths = [CHECK, '/nope', CHECK, `/api/sync/ota/apps/${app.id}/releases`, '/api/sync/ota', CHECK];
    connection.send(
      paths.map(get).join('') + get('/livez').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
    );
    const replies = repliesIn(await connection.untilClosed());
    expect(replies.map((reply) => reply.slice(9, 12))).toEqual([
      '200',
      '404',
      '200',
      '401',
      '200',
      '200',
      '200',
    ]);
  });

  test('with a body are read one after the other', async () => {
    const { app, connection } = await listening();
    const post = (version: string) => {
      const body = JSON.stringify({ version, signature: 's' });
      return [
        `POST /api/sync/ota/apps/${app.id}/releases HTTP/1.1`,
        'Host: localhost',
        `Authorization: Bearer ${app.token}`,
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
        '',
        body,
      ].join('\r\n');
    };
    connection.send(post('2.0.0') + get(CHECK) + post('3.0.0') + post('2.0.0'));
    await connection.until(/(HTTP\/1\.1 [\s\S]*){4}\}/);
    const replies = repliesIn(connection.received);
    expect(replies.map((reply) => reply.slice(9, 12))).toEqual(['201', '200', '201', '409']);
  });

  test('attack M10: beyond what may wait are dropped, and the connection is closed after the others', async () => {
    const { connection } = await listening();
    connection.send(get(CHECK).repeat(1000));
    const replies = repliesIn(await connection.untilClosed());
    expect(replies.length).toBe(1 + MAX_PIPELINED);
    expect(replies.every((reply) => reply.startsWith('HTTP/1.1 200 '))).toBe(true);
    expect(replies.at(-1)).toMatch(/connection: close\r\n/i);
  });

  test('attack M10: wait until the client reads the responses before them', async () => {
    const { server, connection } = await listening();
    const answered: string[] = [];
    server.app.server.on('request', (request, response) => {
      response.once('finish', () => answered.push(request.url ?? ''));
    });
    connection.pause();
    connection.send(get(CHECK).repeat(10));
    await expect.poll(() => answered.length).toBe(10); // the system keeps them all
  });
});
