import { describe, expect, test } from 'vitest';
import { generateToken } from '../../../../src/protocol/token.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';

const BAD_ADDRESS = '192.0.2.1';

async function failTenTimes() {
  const server = await startServer();
  const app = await Publisher.on(server);
  const sendBad = () => app.send('GET', '/releases', { token: generateToken(), remoteAddress: BAD_ADDRESS });
  const statuses: number[] = [];
  for (let i = 0; i < 10; i++) statuses.push((await sendBad()).statusCode);
  return { server, app, sendBad, statuses };
}

describe('an address that sent ten invalid tokens in a minute', () => {
  test('gets a 429 with Retry-After at the eleventh', async () => {
    const { sendBad, statuses } = await failTenTimes();
    expect(statuses).toEqual(Array(10).fill(401));
    const reply = await sendBad();
    expect(reply.statusCode).toBe(429);
    expect(reply.json()).toMatchObject({ code: 'too_many_requests' });
    expect(Number(reply.headers['retry-after'])).toSatisfy(
      (s: number) => Number.isInteger(s) && s >= 1 && s <= 60,
    );
  });

  test('is still let through with a valid token', async () => {
    const { app, sendBad } = await failTenTimes();
    expect((await sendBad()).statusCode).toBe(429);
    expect((await app.send('GET', '/releases', { remoteAddress: BAD_ADDRESS })).statusCode).toBe(200);
  });

  test('still gets responses to checks', async () => {
    const { server, app, sendBad } = await failTenTimes();
    await app.publish('1.0.0');
    expect((await sendBad()).statusCode).toBe(429);
    const url = '/api/sync/ota/my-app/linux/x86_64/0.9.0';
    const reply = await server.app.inject({ url, remoteAddress: BAD_ADDRESS });
    expect(reply.statusCode).toBe(200);
  });

  test('does not make others wait', async () => {
    const { app } = await failTenTimes();
    const reply = await app.send('GET', '/releases', { token: generateToken(), remoteAddress: '192.0.2.2' });
    expect(reply.statusCode).toBe(401);
  });
});

test('an address is read from X-Forwarded-For only when a trusted proxy sent it', async () => {
  const sendFrom = async (trustProxy: readonly string[]) => {
    const server = await startServer({ trustProxy });
    const app = await Publisher.on(server);
    const statuses: number[] = [];
    for (let i = 0; i < 11; i++) {
      const reply = await server.app.inject({
        url: `/api/sync/ota/apps/${app.id}/releases`,
        headers: { authorization: 'Bearer bad', 'x-forwarded-for': `198.51.100.${i}` },
        remoteAddress: '10.0.0.1',
      });
      statuses.push(reply.statusCode);
    }
    return statuses.at(-1);
  };
  expect(await sendFrom([])).toBe(429);
  expect(await sendFrom(['192.0.2.0/24'])).toBe(429);
  expect(await sendFrom(['10.0.0.0/8'])).toBe(401);
});

test('a token is stored as a hash only, and does not occur in the response that refuses it', async () => {
  const server = await startServer();
  const app = await Publisher.on(server);
  const rows = await server.database.queries.selectFrom('tokens').selectAll().execute();
  expect(rows).toHaveLength(1);
  expect(JSON.stringify(rows)).not.toContain(app.token);
  const refused = await app.send('GET', '/releases', { token: app.token.replace(/.$/, '_') });
  expect(refused.statusCode).toBe(401);
  expect(refused.body).not.toContain(app.token.slice(0, 20));
});
