import { expect, onTestFinished, test, vi } from 'vitest';
import { Publisher } from '../../support/publish/publisher.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

const ROOT = '/api/sync/ota/my-app';
const QUESTIONS = [
  { path: `${ROOT}/linux/x86_64/0.9.0` },
  { path: `${ROOT}/linux/x86_64/1.0.0` },
  { path: `${ROOT}/linux/x86_64/9.0.0` },
  { path: `${ROOT}/linux/x86_64/0.9.0?channel=beta` },
  { path: `${ROOT}/linux/x86_64/0.9.0?bundle_type=deb` },
  { path: `${ROOT}/windows/aarch64/0.9.0` },
  { path: `${ROOT}/linux/x86_64/not-a-version` },
  { path: '/api/sync/ota/another-app/linux/x86_64/0.9.0' },
];

/** What a framework's response, which never takes the fast path, and one over a connection have in common. */
function comparable(status: number, headers: Iterable<readonly [string, unknown]>, body: string) {
  const of = [...headers].filter(([name]) => !/^(date|connection|keep-alive|transfer-encoding)$/.test(name));
  return { status, headers: Object.fromEntries(of.map(([name, value]) => [name, String(value)])), body };
}

describeOnEachStore('field 14: checks past the framework', ({ start }) => {
  test('are answered as the framework would, however often, and after each change', async () => {
    const store = await start();
    const [server, other] = [await store.open(), await store.open()];
    onTestFinished(() => other.close());
    onTestFinished(() => server.close());
    const { url, drain } = await server.listen();
    onTestFinished(drain);
    const publisher = await Publisher.on(server);
    const elsewhere = publisher.at(other);

    const asked = async (path: string) => {
      const response = await fetch(url + path);
      return comparable(response.status, response.headers, await response.text());
    };
    const expectSame = async () => {
      for (const { path } of QUESTIONS) {
        for (let i = 0; i < 3; i++) {
          const reply = await server.app.inject({ url: path });
          const expected = comparable(reply.statusCode, Object.entries(reply.headers), reply.body);
          expect(await asked(path)).toEqual(expected);
        }
      }
    };
    await expectSame();
    const first = await publisher.publish('1.0.0', Buffer.from('one'));
    await expectSame();
    await elsewhere.publish('1.1.0', Buffer.from('two'));
    await vi.waitFor(async () =>
      expect((await asked(`${ROOT}/linux/x86_64/0.9.0`)).body).toContain('"1.1.0"'),
    );
    await expectSame();
    await elsewhere.send('DELETE', `/releases/${first}`);
    await expectSame();
  });
});
