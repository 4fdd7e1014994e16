import { describe, expect, test } from 'vitest';
import { LINUX, MAC, Publisher, startServer } from '../../../support/publish/publisher.ts';

async function startApp() {
  const server = await startServer();
  const app = await Publisher.on(server);
  const publish = async (
    fields: object,
    bundleTypes: readonly (string | undefined)[] = [undefined],
    platform = LINUX,
  ) => {
    const together = bundleTypes.length > 1 && { draft: true };
    const body = { signature: 's', ...together, ...fields };
    const { id } = (await app.send('POST', '/releases', { body })).json();
    for (const bundleType of bundleTypes) {
      const bytes = Buffer.from(`bytes of ${bundleType}`);
      await app.put(await app.requestUpload(id, bytes.length, platform, { bundle_type: bundleType }), bytes);
    }
    if (together) await app.send('POST', `/releases/${id}/publish`);
    return id as string;
  };
  /** Where the link leads; a status where it leads nowhere. */
  const latest = async (path = 'linux/x86_64', headers = {}) => {
    const reply = await server.app.inject({ url: `/api/sync/ota/my-app/latest/${path}`, headers });
    return reply.statusCode === 302 ? String(reply.headers.location) : reply.statusCode;
  };
  return { server, app, publish, latest };
}

const at = (releaseId: string, rest = '') =>
  expect.stringContaining(`/download/${releaseId}/linux/x86_64${rest}`);

describe('field 13: the link to the latest release', () => {
  test('leads to the highest release that is complete for the platform', async () => {
    const { server, app, publish, latest } = await startApp();
    expect(await latest()).toBe(404);
    const first = await publish({ version: '1.9.0' });
    expect(await latest()).toEqual(at(first));
    const second = await publish({ version: '1.10.0' });
    await publish({ version: '1.2.0' });
    await publish({ version: '3.0.0' }, []);
    await publish({ version: '4.0.0' }, [undefined], MAC);
    await publish({ version: '5.0.0', draft: true });
    expect(await latest()).toEqual(at(second));
    const { pathname } = new URL(String(await latest()));
    const file = await app.get(pathname);
    expect(file.statusCode).toBe(302);
    await app.send('PATCH', `/releases/${second}`, { body: { status: 'yanked' } });
    expect(await latest()).toEqual(at(first));
    await app.delete(first);
    expect(await latest()).toEqual(expect.stringContaining('/download/')); // 1.2.0
    expect((await server.app.inject('/api/sync/ota/other/latest/linux/x86_64')).statusCode).toBe(404);
    expect(await latest('linux/sparc')).toBe(400);
  });

  test('needs no version to come from: keys and required versions do not count', async () => {
    const { publish, latest } = await startApp();
    await publish({ version: '1.0.0' });
    const stone = await publish({ version: '2.0.0', requires: '1.5.0', allow_stranding: true });
    expect(await latest()).toEqual(at(stone));
  });

  test('has the channels and bundle types of a check', async () => {
    const { publish, latest } = await startApp();
    const stable = await publish({ version: '1.0.0' }, ['deb', 'appimage', 'rpm']);
    const beta = await publish({ version: '2.0.0-beta.1', channel: 'beta' }, ['deb']);
    expect(await latest()).toEqual(at(stable, '?bundle_type=appimage'));
    expect(await latest('linux/x86_64?bundle_type=rpm')).toEqual(at(stable, '?bundle_type=rpm'));
    expect(await latest('linux/x86_64?channel=beta')).toEqual(at(beta, '?bundle_type=deb'));
    expect(await latest('linux/x86_64?channel=Beta&bundle_type=appimage')).toEqual(at(stable));
    expect(await latest('linux/x86_64', { 'x-ota-channel': 'beta' })).toEqual(at(beta));
    expect(await latest('linux/x86_64?channel=other')).toEqual(at(stable));
    expect(await latest('linux/x86_64?bundle_type=msi')).toBe(404);
  });

  test('is for HEAD too, by every slug the app had, and is kept by no cache', async () => {
    const { server, app, publish } = await startApp();
    await publish({ version: '1.0.0' });
    await app.send('PUT', '/slug', { body: { slug: 'new-name' } });
    for (const slug of ['my-app', 'new-name']) {
      const [get, head] = await Promise.all(
        (['GET', 'HEAD'] as const).map((method) =>
          server.app.inject({ method, url: `/api/sync/ota/${slug}/latest/linux/x86_64` }),
        ),
      );
      expect(head?.statusCode).toBe(302);
      expect(head?.headers.location).toBe(get?.headers.location);
      expect(get?.headers).toMatchObject({ 'cache-control': 'no-store', vary: 'x-ota-channel' });
      expect(get?.headers.location).toContain('/new-name/');
    }
  });
});
