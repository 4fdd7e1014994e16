import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { startFaultProxy } from '../support/network/fault-proxy.ts';
import { deadUrl, listenHttp } from '../support/network/loopback-server.ts';
import { fakeS3Place } from '../support/s3/s3-place.ts';
import { storageOptions } from '../support/server/storage-options.ts';
import { canBuildTauri, NEEDED } from '../support/tauri/cargo.ts';
import { type SigningKey, signFile } from '../support/tauri/signer.ts';
import type { InstalledApp } from './installed-app.ts';
import { type MarkedKind, PLUGINS } from './plugins.ts';
import { each, newKey, onEachPlugin, SLUG, startPublishedApp } from './published-app.ts';

/** The app's key, and one that it does not know. */
let key: SigningKey;
let otherKey: SigningKey;

beforeAll(async () => {
  [key, otherKey] = await Promise.all([newKey(), newKey()]);
});

/** The app as users have it. */
function installed(
  version: string,
  endpoints: readonly string[],
  more: Partial<InstalledApp> = {},
): InstalledApp {
  return { version, updater: { pubkey: key.publicKey, endpoints }, until: 'download', ...more };
}

const UP_TO_DATE = each(() => ({ update: null }));

function takes(version: string) {
  return each(() => ({ update: { version }, verified: true }));
}

describe.skipIf(!canBuildTauri())(`an app on each version of the updater plugin (${NEEDED})`, () => {
  test('field 7: is told of an update, and downloads and verifies it', async () => {
    const app = await startPublishedApp();
    const notes = '# “1.1.0”\n\n- ё, 🎉 and \\u0000\n';
    const { appimage } = await app.release({ version: '1.1.0', key, options: ['--notes', notes] });
    expect(await onEachPlugin(installed('1.0.0', [app.endpoint]))).toMatchObject(
      each(({ name }) => ({
        update: {
          version: '1.1.0',
          notes: notes.trim(),
          signature: appimage?.signature,
          rawJson: name === 'plugin-2.0' ? null : { version: '1.1.0', pub_date: expect.any(String) },
        },
        verified: true,
        size: appimage?.bytes.length,
      })),
    );
  });

  test('field 7: stays as it is on the newest version, a higher one or a build of it', async () => {
    const app = await startPublishedApp();
    await app.release({ version: '1.1.0', key });
    for (const version of ['1.1.0', '1.1.1-beta.1', '1.1.0+5'])
      expect(await onEachPlugin(installed(version, [app.endpoint])), version).toEqual(UP_TO_DATE);
    for (const version of ['1.1.0-beta.1', '1.0.0+5'])
      expect(await onEachPlugin(installed(version, [app.endpoint])), version).toMatchObject(takes('1.1.0'));
  });

  test('field 7: is offered its channel, until a stable version is higher', async () => {
    const app = await startPublishedApp();
    const stable = installed('1.1.0', [app.endpoint]);
    const beta = installed('1.1.0', [`${app.endpoint}?channel=beta`]);
    await app.release({ version: '1.1.0', key });
    await app.release({
      version: '1.2.0-beta.1',
      key,
      endpoint: `${app.endpoint}?channel=beta`,
      options: ['--channel', 'beta'],
    });
    expect(await onEachPlugin(stable)).toEqual(UP_TO_DATE);
    expect(await onEachPlugin(beta)).toMatchObject(takes('1.2.0-beta.1'));
    await app.release({ version: '1.2.0', key });
    expect(await onEachPlugin(stable)).toMatchObject(takes('1.2.0'));
    expect(await onEachPlugin({ ...beta, version: '1.2.0-beta.1' })).toMatchObject(takes('1.2.0'));
  });

  test('field 7: is no longer offered a yanked release, until it is restored', async () => {
    const app = await startPublishedApp();
    await app.release({ version: '1.1.0', key });
    await app.release({ version: '1.2.0', key });
    expect(await app.world.run(['releases', 'yank', '1.2.0'])).toMatchObject({ code: 0 });
    expect(await onEachPlugin(installed('1.0.0', [app.endpoint]))).toMatchObject(takes('1.1.0'));
    expect(await onEachPlugin(installed('1.1.0', [app.endpoint]))).toEqual(UP_TO_DATE);
    expect(await app.world.run(['releases', 'restore', '1.2.0'])).toMatchObject({ code: 0 });
    expect(await onEachPlugin(installed('1.1.0', [app.endpoint]))).toMatchObject(takes('1.2.0'));
  });

  test('field 7: asks its next endpoint while the first ones are down, fail or know no such app', async () => {
    const app = await startPublishedApp();
    await app.release({ version: '1.1.0', key });
    const failing = await listenHttp((_, response) => response.writeHead(503).end());
    const path = new URL(app.endpoint).pathname.replaceAll('%7B', '{').replaceAll('%7D', '}');
    const first = [(await deadUrl()).origin, failing.origin].map((origin) => origin + path);
    first.push(app.endpoint.replace('note-taker', 'other-app'));
    expect(await onEachPlugin(installed('1.0.0', [...first, app.endpoint]))).toMatchObject(takes('1.1.0'));
    expect(await app.world.server.stop()).toBe(0);
    expect(await onEachPlugin(installed('1.0.0', [...first, app.endpoint]))).toEqual(
      each(({ name }) => ({
        error: name === 'plugin-2.0' ? 'ReleaseNotFound' : 'Reqwest',
        message: expect.any(String),
      })),
    );
  });

  test('field 7: follows redirects of checks and downloads', async () => {
    const proxy = await startFaultProxy();
    const app = await startPublishedApp({ args: ['--public-url', proxy.url.origin], url: proxy.url });
    proxy.target = app.world.server.url;
    await app.release({ version: '1.1.0', key });
    for (const status of [301, 302, 307, 308]) {
      proxy.inject = ({ url }) => {
        const headers = { location: new URL(url, app.world.server.url).href };
        return { at: 'before', outcome: { status, headers, body: Buffer.of() } };
      };
      const outcomes = await onEachPlugin(installed('1.0.0', [app.endpoint]));
      expect(outcomes, `${status}`).toMatchObject(takes('1.1.0'));
    }
  });

  test('field 7: downloads from a bucket with an Authorization header for the server', async () => {
    const place = await fakeS3Place();
    const app = await startPublishedApp({ args: storageOptions(place) });
    await app.release({ version: '1.1.0', key });
    const headers = { authorization: 'Bearer of-the-app', 'x-install': '1' };
    expect(await onEachPlugin(installed('1.0.0', [app.endpoint], { headers }))).toMatchObject(takes('1.1.0'));
  });
});

describe.skipIf(!canBuildTauri())(`an app on each version of the updater plugin rejects (${NEEDED})`, () => {
  test('field 7: what is signed with another key', async () => {
    const app = await startPublishedApp();
    await app.release({ version: '1.1.0', key: otherKey });
    expect(await onEachPlugin(installed('1.0.0', [app.endpoint]))).toMatchObject(
      each(() => ({ update: { version: '1.1.0' }, error: 'Minisign' })),
    );
  });

  test('field 7: a download that is cut off or changed on its way, and takes the next one', async () => {
    const proxy = await startFaultProxy();
    const app = await startPublishedApp({ args: ['--public-url', proxy.url.origin], url: proxy.url });
    proxy.target = app.world.server.url;
    await app.release({ version: '1.1.0', key });
    const faults = {
      Reqwest: { at: { answerByte: 4000 }, outcome: 'close' },
      Minisign: {
        at: 'applied',
        outcome: (answer: { body: Uint8Array }) => ({ ...answer, body: answer.body.with(2000, 1) }),
      },
    } as const;
    for (const [error, fault] of Object.entries(faults)) {
      proxy.inject = ({ url }) => (url.includes('/downloads/') ? (fault as never) : undefined);
      expect(await onEachPlugin(installed('1.0.0', [app.endpoint])), error).toMatchObject(
        each(() => ({ update: { version: '1.1.0' }, error })),
      );
    }
    proxy.inject = () => undefined;
    expect(await onEachPlugin(installed('1.0.0', [app.endpoint]))).toMatchObject(takes('1.1.0'));
  });

  test('field 7: what was signed without its version, if it requires signed versions and can', async () => {
    const app = await startPublishedApp();
    const strict = installed('1.0.0', [app.endpoint]);
    const updater = { ...strict.updater, requireSignedVersion: true };
    await app.release({ version: '1.1.0', key, withoutSignedVersion: true });
    expect(await onEachPlugin(strict)).toMatchObject(takes('1.1.0'));
    expect(await onEachPlugin({ ...strict, updater })).toMatchObject(
      each(({ readsSignedVersion }) =>
        readsSignedVersion ? { error: 'MissingSignedVersion' } : { verified: true },
      ),
    );
    await app.release({ version: '1.2.0', key });
    expect(await onEachPlugin({ ...strict, updater })).toMatchObject(takes('1.2.0'));
  });
});

describe.skipIf(!canBuildTauri())(`an app installed from each kind of bundle (${NEEDED})`, () => {
  const LINUX: readonly MarkedKind[] = ['appimage', 'deb', 'rpm'];
  const WINDOWS: readonly MarkedKind[] = ['nsis', 'msi'];

  test('field 7: gets its own kind from plugin 2.10 on, before that the first', async () => {
    const app = await startPublishedApp();
    const bundles = await app.release({ version: '1.1.0', key });
    for (const kind of LINUX)
      expect(await onEachPlugin(installed('1.0.0', [app.endpoint]), () => ({ kind })), kind).toMatchObject(
        each(({ knowsItsKind }) => ({
          update: { signature: bundles[knowsItsKind ? kind : 'appimage']?.signature },
          verified: true,
        })),
      );
  });

  test('field 7: gets the first kind when its own code sets the target', async () => {
    const app = await startPublishedApp();
    const { appimage } = await app.release({ version: '1.1.0', key });
    for (const target of ['linux', 'linux-x64', 'Linux']) {
      const own = installed('1.0.0', [app.endpoint], { target });
      expect(await onEachPlugin(own), target).toMatchObject(
        each(() => ({ update: { signature: appimage?.signature }, verified: true })),
      );
    }
  });

  test('field 13: gets the file of the target that its own code sets, whatever it was installed from', async () => {
    const app = await startPublishedApp();
    const CUSTOM = 'linux-x86_64-kiosk-2';
    await app.release({ version: '1.1.0', key });
    const file = join(app.world.folder, 'kiosk.bin');
    await writeFile(file, 'the app for kiosks');
    const signature = (await readFile(await signFile(key, file, { appVersion: '1.2.0' }), 'utf8')).trim();
    const options = ['--version', '1.2.0', '--slug', SLUG, '--artifact', `${CUSTOM}=${file}`];
    const published = await app.world.run(['publish', ...options]);
    expect(published.code, published.stderr).toBe(0);
    const own = installed('1.0.0', [`${app.endpoint}?bundle_type={{bundle_type}}`], { target: CUSTOM });
    expect(await onEachPlugin(own, () => ({ kind: 'rpm' }))).toMatchObject(
      each(() => ({ update: { version: '1.2.0', signature }, verified: true })),
    );
    expect(await onEachPlugin(installed('1.0.0', [app.endpoint]))).toMatchObject(takes('1.1.0'));
    await app.release({ version: '1.3.0', key, systems: ['darwin'] });
    const endpoint = app.endpoint.replace('{{arch}}', 'aarch64');
    const mac = installed('1.0.0', [endpoint], { target: 'darwin-universal' });
    expect(await onEachPlugin(mac)).toMatchObject(takes('1.3.0'));
  });

  test('field 7: gets the kind that its endpoint names, on any system, and never another', async () => {
    const app = await startPublishedApp();
    const systems = ['linux', 'darwin', 'windows'] as const;
    const bundles = await app.release({ version: '1.1.0', key, systems });
    await app.release({ version: '1.2.0', key, kinds: ['deb'] });
    const asking = (system: string, arch = '{{arch}}') =>
      `${app.endpoint.replace('{{target}}/{{arch}}', `${system}/${arch}`)}?bundle_type=`;
    const gets = (kind: string) => ({ update: { signature: bundles[kind]?.signature }, verified: true });
    const kinds = { linux: LINUX.filter((kind) => kind !== 'deb'), windows: WINDOWS };
    for (const [system, ofSystem] of Object.entries(kinds))
      for (const kind of ofSystem) {
        const named = installed('1.0.0', [asking(system) + kind]);
        expect(await onEachPlugin(named), kind).toMatchObject(each(() => gets(kind)));
        const own = await onEachPlugin(installed('1.0.0', [`${asking(system)}{{bundle_type}}`]), () => ({
          kind,
        }));
        for (const { name, knowsItsKind } of PLUGINS)
          if (knowsItsKind) expect(own[name], `${name} ${kind}`).toMatchObject(gets(kind));
      }
    const mac = installed('1.0.0', [`${asking('darwin', 'aarch64')}app`]);
    expect(await onEachPlugin(mac)).toMatchObject(each(() => gets('app')));
    const deb = installed('1.1.0', [`${asking('linux')}deb`]);
    expect(await onEachPlugin(deb)).toMatchObject(takes('1.2.0'));
    const rpm = installed('1.1.0', [`${asking('linux')}rpm`]);
    expect(await onEachPlugin(rpm)).toEqual(UP_TO_DATE);
  });
});
