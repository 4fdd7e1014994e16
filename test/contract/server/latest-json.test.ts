import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signingKeyIdOf } from '../../../src/protocol/minisign.ts';
import { type Platform, platformName } from '../../../src/protocol/platform.ts';
import { pathOf } from '../../../src/protocol/routes.ts';
import { compareVersions } from '../../../src/protocol/version.ts';
import { times } from '../../support/process/torture.ts';
import { LINUX, MAC, Publisher, requireStatus, startServer } from '../../support/publish/publisher.ts';
import { type TestKey, testKey } from '../../support/publish/routed-releases.ts';

const [A, B] = [testKey(), testKey()];

interface Published {
  readonly version: string;
  readonly platforms?: readonly Platform[];
  readonly channel?: string;
  readonly requires?: string;
  readonly signed?: TestKey;
  readonly carries?: TestKey;
}

async function start(overrides = {}): Promise<Publisher> {
  return Publisher.on(await startServer(overrides));
}

/** Takes a release live with a file for each platform. @returns its id */
async function publish(app: Publisher, release: Published): Promise<string> {
  const { version, platforms = [LINUX], channel = 'stable', requires, signed = A, carries } = release;
  const fields = { ...(requires && { requires }), ...(carries && { embedded_pubkey: carries.text }) };
  const body = { version, channel, draft: true, allow_stranding: true, ...fields };
  const { id } = requireStatus(await app.send('POST', '/releases', { body }), 201).json();
  for (const { target, arch, bundleType } of platforms) {
    const file = { target, arch, file_size: 5, signature: signed.signature };
    const kind = bundleType === undefined ? {} : { bundle_type: bundleType };
    const granted = await app.send('POST', `/releases/${id}/artifacts`, { body: { ...file, ...kind } });
    requireStatus(await app.put(requireStatus(granted, 201).json().upload_url, Buffer.from('bytes')), 200);
  }
  requireStatus(await app.send('POST', `/releases/${id}/publish?allow_stranding=true`), 200);
  return id;
}

const read = (app: Publisher, query = '', headers = {}) =>
  app.server.app.inject({ url: pathOf('latestJson', { slug: app.slug }) + query, headers });

/** The version in the file, with its platforms. */
async function shown(app: Publisher, query = '') {
  const reply = requireStatus(await read(app, query), 200).json();
  return [reply.version, ...Object.keys(reply.platforms)];
}

describe('latest.json', () => {
  test('has the highest release with every platform and kind of bundle, as update checks offer them', async () => {
    const app = await start();
    const deb: Platform = { ...LINUX, bundleType: 'deb' };
    const rpm: Platform = { ...LINUX, bundleType: 'rpm' };
    await publish(app, { version: '1.0.0', platforms: [LINUX, MAC] });
    await publish(app, { version: '1.1.0', platforms: [deb, rpm, MAC] });
    const file = (await read(app)).json();
    const names = ['darwin-aarch64', 'linux-x86_64', 'linux-x86_64-deb', 'linux-x86_64-rpm'];
    expect([file.version, ...Object.keys(file.platforms).sort()]).toEqual(['1.1.0', ...names]);
    for (const platform of [LINUX, MAC]) {
      const offer = (await app.check('1.0.0', platform)).json();
      const { url, signature, notes, pub_date } = offer;
      expect(file.platforms[platformName(platform)]).toEqual({ url, signature });
      expect(file).toMatchObject({ notes, pub_date });
    }
    expect(file.platforms['linux-x86_64']).toEqual(file.platforms['linux-x86_64-deb']);
    expect(file).not.toHaveProperty('name');
  });

  test('keeps channels and yanks', async () => {
    const app = await start();
    await publish(app, { version: '1.0.0' });
    const id = await publish(app, { version: '1.1.0' });
    await publish(app, { version: '1.2.0-beta.1', channel: 'beta' });
    expect(await shown(app)).toEqual(['1.1.0', 'linux-x86_64']);
    expect(await shown(app, '?channel=beta')).toEqual(['1.2.0-beta.1', 'linux-x86_64']);
    expect((await read(app, '', { 'x-ota-channel': 'beta' })).json().version).toBe('1.2.0-beta.1');
    requireStatus(await app.send('PATCH', `/releases/${id}`, { body: { status: 'yanked' } }), 200);
    expect(await shown(app)).toEqual(['1.0.0', 'linux-x86_64']);
  });

  test('stops at a stepping stone, from which update checks go on', async () => {
    const app = await start();
    for (const version of ['1.0.0', '1.5.0']) await publish(app, { version });
    await publish(app, { version: '2.0.0', requires: '1.5.0' });
    expect(await shown(app)).toEqual(['1.5.0', 'linux-x86_64']);
    expect(await shown(app, '?current_version=1.0.0')).toEqual(['1.5.0', 'linux-x86_64']);
    expect(await shown(app, '?current_version=1.5.0')).toEqual(['2.0.0', 'linux-x86_64']);
    expect((await read(app, '?current_version=2.0.0')).statusCode).toBe(204);
  });

  test('leaves out a platform with versions that could not verify it, and one without that release', async () => {
    const app = await start();
    await publish(app, { version: '1.0.0', carries: A });
    await publish(app, { version: '1.1.0', carries: B });
    await publish(app, { version: '1.2.0', signed: B, carries: A });
    await publish(app, { version: '1.3.0', signed: A, carries: A });
    // 1.0.0 is offered 1.3.0, which 1.1.0 cannot verify.
    expect((await read(app)).json()).toMatchObject({ code: 'not_found' });
    expect(await shown(app, '?current_version=1.1.0')).toEqual(['1.2.0', 'linux-x86_64']);
    await publish(app, { version: '1.3.1', platforms: [MAC] });
    expect(await shown(app)).toEqual(['1.3.1', 'darwin-aarch64']);
  });

  test('lists an updater target of its own under that, if only one arch has it', async () => {
    const app = await start();
    const portable: Platform = { target: 'windows-portable', arch: 'x86_64' };
    await publish(app, { version: '1.0.0', platforms: [portable, LINUX] });
    expect(await shown(app)).toEqual(['1.0.0', 'windows-portable', 'linux-x86_64']);
    await publish(app, { version: '1.1.0', platforms: [portable, { ...portable, arch: 'aarch64' }, LINUX] });
    expect(await shown(app)).toEqual(['1.1.0', 'linux-x86_64']);
  });

  test('answers 404 where there is nothing to offer, so that the next endpoint is asked', async () => {
    const app = await start();
    expect((await read(app)).statusCode).toBe(404);
    expect((await read(app, '?current_version=1.0.0')).statusCode).toBe(204);
    const other = await app.get(pathOf('latestJson', { slug: 'other-app' }));
    expect([other.statusCode, other.json().code]).toEqual([404, 'not_found']);
    expect((await read(app, '?current_version=1.0')).json()).toMatchObject({ code: 'invalid_request' });
  });

  test('is cached, revalidated and open to scripts like update checks, and current after each change', async () => {
    const app = await start({ checkMaxAge: 60 });
    const { url, drain } = await app.server.listen();
    await publish(app, { version: '1.0.0' });
    const address = url + pathOf('latestJson', { slug: app.slug });
    const first = await fetch(address);
    const headers = Object.fromEntries(first.headers);
    expect(headers).toMatchObject({
      'cache-control': 'public, max-age=60',
      vary: 'x-ota-channel',
      'access-control-allow-origin': '*',
      'content-type': 'application/json; charset=utf-8',
      'synckit-app-tag': expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    const body = await first.text();
    for (let i = 0; i < 3; i++) {
      const again = await fetch(address);
      expect([await again.text(), again.headers.get('etag')]).toEqual([body, headers.etag]);
    }
    const known = await fetch(address, { headers: { 'if-none-match': String(headers.etag) } });
    expect([known.status, await known.text()]).toEqual([304, '']);
    await publish(app, { version: '1.1.0' });
    expect(await (await fetch(address)).json()).toMatchObject({ version: '1.1.0' });
    await drain();
  });

  test('offers nothing that would lead a version less far than its own updates', async () => {
    const app = await start();
    for (const release of [
      { version: '1.0.0', signed: A },
      { version: '1.1.0', signed: B, carries: A },
      { version: '1.2.0', signed: A, carries: B },
      { version: '1.3.0', signed: A, requires: '1.1.0' },
    ])
      await publish(app, release);
    expect((await app.check('1.0.0')).json().version).toBe('1.2.0');
    expect((await app.check('1.1.0')).json().version).toBe('1.3.0');
    expect((await read(app)).statusCode).toBe(404);
  });

  test('offers no installed version what it cannot take, or what leads less far than its own updates', async () => {
    const release = fc.record({
      requires: fc.option(fc.nat(5), { nil: undefined, freq: 3 }),
      signed: fc.constantFrom(A, A, B),
      carries: fc.option(fc.constantFrom(A, B), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(release, { minLength: 1, maxLength: 6 }), async (releases) => {
        const app = await start();
        const published = releases.map(({ requires, ...keys }, i) => ({
          ...keys,
          version: `1.${i}.0`,
          ...(requires !== undefined && requires < i && { requires: `1.${requires}.0` }),
        }));
        for (const { carries, ...one } of published)
          await publish(app, { ...one, ...(carries && { carries }) });
        const reply = await read(app);
        if (reply.statusCode === 404) return;
        const file = reply.json();
        const offered = published.find(({ version }) => version === file.version);
        const isRouted = published.some(({ carries }) => carries !== undefined);
        for (const { version, signed, carries = signed } of published) {
          if (compareVersions(version, file.version) >= 0) continue;
          // Those that are stranded stay so.
          const own = await furthest(app, version);
          if (own === version) continue;
          const keyId = signingKeyIdOf(file.platforms['linux-x86_64'].signature);
          if (isRouted) expect(keyId, `${version} cannot verify ${file.version}`).toBe(carries.id);
          expect(compareVersions(version, offered?.requires ?? version)).toBeGreaterThanOrEqual(0);
          expect(await furthest(app, file.version)).toBe(own);
        }
      }),
      { numRuns: times(15, 1000) },
    );
  });
});

/** Where update checks lead a version in the end. */
async function furthest(app: Publisher, version: string): Promise<string> {
  const reply = await app.check(version);
  return reply.statusCode === 204 ? version : furthest(app, reply.json().version);
}
