import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { bytesOfFile, FeedApp, type NamedFile } from '../../support/server/feed-app.ts';

const WINDOWS: NamedFile = { target: 'windows', arch: 'x86_64', name: 'Acme.App-1.2.0-full.nupkg' };
const WINDOWS_ARM: NamedFile = { ...WINDOWS, arch: 'aarch64', name: 'Acme.App-1.2.0-win-arm64-full.nupkg' };
const LINUX: NamedFile = { target: 'linux', arch: 'x86_64', name: 'Acme.App-1.2.0-linux-full.nupkg' };
const MAC: NamedFile = { target: 'darwin', arch: 'x86_64', name: 'Acme.App-1.2.0-osx-full.nupkg' };
const MAC_ARM: NamedFile = { ...MAC, arch: 'aarch64' };

interface Asset {
  readonly [name: string]: unknown;
  readonly Version: string;
  readonly FileName: string;
}

const assetsOf = async (app: FeedApp, name: string): Promise<Asset[]> =>
  JSON.parse(await app.text(`velopack/${name}`)).Assets;
const versionOf = async (app: FeedApp, name: string) => (await assetsOf(app, name))[0]?.Version;

describe('the feed for Velopack', () => {
  test('has what the client reads of a package', async () => {
    const app = await FeedApp.start();
    await app.publish({ version: '1.2.0', files: [WINDOWS], fields: { notes: '**New**' } });
    const bytes = bytesOfFile('1.2.0', WINDOWS);
    const hash = (algorithm: string) => createHash(algorithm).update(bytes).digest('hex').toUpperCase();
    expect(await assetsOf(app, 'releases.win.json')).toEqual([
      {
        PackageId: 'Acme.App',
        Version: '1.2.0',
        Type: 'Full',
        FileName: '1.2.0-windows-x86_64-full.nupkg',
        SHA1: hash('sha1'),
        SHA256: hash('sha256'),
        Size: bytes.length,
        NotesMarkdown: '**New**',
        NotesHtml: '<p><strong>New</strong></p>',
      },
    ]);
    const file = await app.read('velopack/1.2.0-windows-x86_64-full.nupkg');
    expect(Buffer.from(await file.arrayBuffer())).toEqual(bytes);
    for (const name of ['1.2.0-windows-aarch64-full.nupkg', '1.2-windows-x86_64-full.nupkg', 'RELEASES'])
      expect((await app.read(`velopack/${name}`)).status, name).toBe(404);
  });

  test('reads the system, the arch and the channel in the name of a channel', async () => {
    const app = await FeedApp.start();
    const files = [WINDOWS, WINDOWS_ARM, LINUX, MAC, MAC_ARM];
    await app.publish({ version: '1.2.0', files });
    await app.publish({ version: '1.3.0-beta.1', files, fields: { channel: 'beta' } });
    const named = async (name: string) => (await assetsOf(app, name))[0]?.FileName;
    expect(await named('releases.win.json')).toBe('1.2.0-windows-x86_64-full.nupkg');
    expect(await named('releases.win-arm64.json')).toBe('1.2.0-windows-aarch64-full.nupkg');
    expect(await named('releases.win-x64-beta.json')).toBe('1.3.0-beta.1-windows-x86_64-full.nupkg');
    expect(await named('releases.linux-beta.json')).toBe('1.3.0-beta.1-linux-x86_64-full.nupkg');
    expect(await named('releases.osx-arm64.json')).toBe('1.2.0-darwin-aarch64-full.nupkg');
    // Each arch has another file, and neither is right for both.
    const reply = await app.read('velopack/releases.osx.json');
    expect([reply.status, await reply.text()]).toEqual([404, expect.stringContaining('osx-arm64')]);
    expect((await app.read('velopack/releases.beta.json')).status).toBe(404);
  });

  test('goes on from stepping stones, as the client says its version, and rolls out by its id', async () => {
    const app = await FeedApp.start();
    for (const version of ['1.0.0', '1.5.0']) await app.publish({ version, files: [WINDOWS] });
    await app.publish({ version: '2.0.0', files: [WINDOWS], fields: { requires: '1.5.0' } });
    expect(await versionOf(app, 'releases.win.json?localVersion=1.0.0&id=Acme')).toBe('1.5.0');
    expect(await versionOf(app, 'releases.win.json?localVersion=1.5.0&id=Acme')).toBe('2.0.0');
    expect(await assetsOf(app, 'releases.win.json?localVersion=2.0.0')).toEqual([]);
    expect(await versionOf(app, 'releases.win.json?localVersion=none')).toBe('1.5.0');
    await app.publish({ version: '2.1.0', files: [WINDOWS], fields: { rollout: { percent: 50 } } });
    const versions = new Set<unknown>();
    for (let id = 0; id < 40; id++)
      versions.add(await versionOf(app, `releases.win.json?localVersion=2.0.0&stagingId=${id}`));
    expect(versions).toEqual(new Set([undefined, '2.1.0']));
    expect(await assetsOf(app, 'releases.win.json?localVersion=2.0.0')).toEqual([]);
  });

  test('prefers files that are for Velopack alone', async () => {
    const app = await FeedApp.start();
    const setup = { ...WINDOWS, name: 'Acme-Setup.exe' };
    await app.publish({ version: '1.2.0', files: [setup] });
    expect((await app.read('velopack/releases.win.json')).status).toBe(404);
    const only = { ...WINDOWS, target: 'windows-velopack' };
    await app.publish({ version: '1.3.0', files: [setup, only] });
    const [asset] = await assetsOf(app, 'releases.win.json');
    const file = await app.read(`velopack/${asset?.FileName}`);
    expect(Buffer.from(await file.arrayBuffer())).toEqual(bytesOfFile('1.3.0', only));
  });

  test('is empty where there is no release', async () => {
    const app = await FeedApp.start();
    expect(await assetsOf(app, 'releases.win.json')).toEqual([]);
  });
});
