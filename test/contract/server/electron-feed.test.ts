import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parseChannelFile, updateByElectron } from '../../support/server/electron-client.ts';
import { bytesOfFile, FeedApp, type NamedFile } from '../../support/server/feed-app.ts';

const WINDOWS: NamedFile = { target: 'windows', arch: 'x86_64', name: 'My App Setup 1.2.0.exe' };
const WINDOWS_ARM: NamedFile = { target: 'windows', arch: 'aarch64', name: 'My App Setup 1.2.0-arm64.exe' };
const LINUX: NamedFile = { target: 'linux', arch: 'x86_64', name: 'My-App-1.2.0.AppImage' };
const LINUX_ARM: NamedFile = { target: 'linux', arch: 'aarch64', name: 'My-App-1.2.0-arm64.AppImage' };
const MAC: NamedFile = { target: 'darwin', arch: 'x86_64', name: 'My App-1.2.0-mac.zip' };
const MAC_ARM: NamedFile = { target: 'darwin', arch: 'aarch64', name: 'My App-1.2.0-arm64-mac.zip' };
const ALL = [WINDOWS, WINDOWS_ARM, LINUX, LINUX_ARM, MAC, MAC_ARM];

const sha512 = (bytes: Buffer) => createHash('sha512').update(bytes).digest('base64');
const feedOf = async (app: FeedApp, name: string, headers = {}) =>
  parseChannelFile(await app.text(`electron/${name}`, headers));

describe('the feed for electron-updater', () => {
  test.each([
    ['win32', WINDOWS],
    ['linux', LINUX],
  ] as const)('leads its own code on %s to the file, and it verifies the SHA-512', async (platform, file) => {
    const app = await FeedApp.start();
    await app.publish({ version: '1.2.0', files: ALL, fields: { notes: 'Fixes *all* bugs' } });
    const url = `${app.feeds}electron`;
    const { result, files } = await updateByElectron({ url, version: '1.1.0', platform });
    expect(result?.updateInfo).toMatchObject({ version: '1.2.0', releaseNotes: 'Fixes *all* bugs' });
    expect(typeof result?.updateInfo.releaseDate).toBe('string');
    expect(await readFile(files[0] ?? '')).toEqual(bytesOfFile('1.2.0', file));
    const current = await updateByElectron({ url, version: '1.2.0', platform });
    expect([current.result?.isUpdateAvailable, current.files]).toEqual([false, []]);
  });

  test('lists the files of each system as electron-builder does, with those of its archs told apart', async () => {
    const app = await FeedApp.start();
    await app.publish({ version: '1.2.0', files: ALL });
    const listed = async (name: string) =>
      (await feedOf(app, name)).files.map(({ url, sha512, size }) => [url, sha512, size]);
    const entry = (url: string, file: NamedFile) => {
      const bytes = bytesOfFile('1.2.0', file);
      return [url, sha512(bytes), bytes.length];
    };
    const x64 = entry('1.2.0/x64/My%20App%20Setup%201.2.0.exe', WINDOWS);
    const arm64 = entry('1.2.0/arm64/My%20App%20Setup%201.2.0-arm64.exe', WINDOWS_ARM);
    expect(await listed('latest.yml')).toEqual([x64, arm64]);
    expect(await listed('latest-arm64.yml')).toEqual([arm64]);
    expect(await listed('latest-linux.yml')).toEqual([entry('1.2.0/x64/My-App-1.2.0.AppImage', LINUX)]);
    expect(await listed('latest-linux-arm64.yml')).toEqual([
      entry('1.2.0/arm64/My-App-1.2.0-arm64.AppImage', LINUX_ARM),
    ]);
    expect((await listed('latest-mac.yml')).map(([url]) => url)).toEqual([
      '1.2.0/x64/My%20App-1.2.0-mac.zip',
      '1.2.0/arm64/My%20App-1.2.0-arm64-mac.zip',
    ]);
    const { path, sha512: hash } = await feedOf(app, 'latest.yml');
    expect([path, hash]).toEqual(x64.slice(0, 2));
  });

  test('leads old clients to the map of blocks of the old version, where it is published', async () => {
    const app = await FeedApp.start();
    const map = { ...WINDOWS, target: 'windows-blockmap' };
    for (const version of ['1.1.0', '1.2.0']) {
      const name = `My App Setup ${version}.exe`;
      const files = [
        { ...WINDOWS, name },
        { ...map, name: `${name}.blockmap` },
      ];
      await app.publish({ version, files });
    }
    for (const version of ['1.1.0', '1.2.0']) {
      const reply = await app.read(`electron/${version}/x64/My%20App%20Setup%20${version}.exe.blockmap`);
      const expected = bytesOfFile(version, { ...map, name: `My App Setup ${version}.exe.blockmap` });
      expect(Buffer.from(await reply.arrayBuffer())).toEqual(expected);
    }
    const unknown = ['1.2.0/x64/other.exe', '1.3.0/x64/My%20App%20Setup%201.2.0.exe', '1.2.0/arm64/x.exe'];
    for (const path of unknown) expect((await app.read(`electron/${path}`)).status).toBe(404);
  });

  test('keeps channels, yanks and pauses', async () => {
    const app = await FeedApp.start();
    await app.publish({ version: '1.0.0', files: [WINDOWS] });
    const id = await app.publish({ version: '1.1.0', files: [WINDOWS] });
    await app.publish({ version: '1.2.0-beta.1', files: [WINDOWS], fields: { channel: 'beta' } });
    const version = async (name: string) => (await feedOf(app, name)).version;
    expect([await version('latest.yml'), await version('beta.yml')]).toEqual(['1.1.0', '1.2.0-beta.1']);
    await app.change(id, { paused: true });
    expect(await version('latest.yml')).toBe('1.0.0');
    await app.change(id, { paused: false });
    expect(await version('latest.yml')).toBe('1.1.0');
    await app.change(id, { status: 'yanked' });
    expect(await version('latest.yml')).toBe('1.0.0');
  });

  test('rolls out by the id that electron-updater sends, and holds for those who send none', async () => {
    const app = await FeedApp.start();
    await app.publish({ version: '1.0.0', files: [WINDOWS] });
    await app.publish({ version: '1.1.0', files: [WINDOWS], fields: { rollout: { percent: 30 } } });
    expect(await feedOf(app, 'latest.yml')).toMatchObject({ version: '1.0.0' });
    let offered = 0;
    for (let i = 0; i < 300; i++) {
      const id = createHash('md5').update(String(i)).digest('hex');
      const versions = new Set<unknown>();
      for (let again = 0; again < 2; again++)
        versions.add((await feedOf(app, 'latest.yml', { 'x-user-staging-id': id })).version);
      expect(versions.size).toBe(1);
      if (versions.has('1.1.0')) offered++;
    }
    expect(offered).toBeGreaterThan(60);
    expect(offered).toBeLessThan(120);
  });

  test('says which system the release needs, in the numbers of kernels, and passes on what is mandatory', async () => {
    const app = await FeedApp.start();
    const minimum = { darwin: '13.4', windows: '10.0.17763.1', linux: '5.4' };
    const fields = { minimum_system_version: minimum, mandatory: true };
    await app.publish({ version: '1.2.0', files: ALL, fields });
    expect(await feedOf(app, 'latest.yml')).toMatchObject({
      minimumSystemVersion: '10.0.17763',
      mandatory: true,
    });
    expect(await feedOf(app, 'latest-mac.yml')).toMatchObject({ minimumSystemVersion: '22.0.0' });
    expect(await feedOf(app, 'latest-linux.yml')).not.toHaveProperty('minimumSystemVersion');
  });

  test('stops at a stepping stone, unless the URL says the version of the app', async () => {
    const app = await FeedApp.start();
    for (const version of ['1.0.0', '1.5.0']) await app.publish({ version, files: [WINDOWS] });
    await app.publish({ version: '2.0.0', files: [WINDOWS], fields: { requires: '1.5.0' } });
    const version = async (query: string) => (await feedOf(app, `latest.yml${query}`)).version;
    expect(await version('')).toBe('1.5.0');
    expect(await version('?current_version=1.0.0')).toBe('1.5.0');
    expect(await version('?current_version=1.5.0')).toBe('2.0.0');
    const url = `${app.feeds}electron?current_version=2.0.0`;
    const { result } = await updateByElectron({ url, version: '2.0.0', platform: 'win32' });
    expect(result?.isUpdateAvailable).toBe(false);
    const from = await updateByElectron({
      ...{ url: `${app.feeds}electron?current_version=1.5.0`, version: '1.5.0', platform: 'win32' },
    });
    expect(await readFile(from.files[0] ?? '')).toEqual(bytesOfFile('2.0.0', WINDOWS));
  });

  test('answers 404 where there is nothing that electron-updater installs', async () => {
    const app = await FeedApp.start();
    expect((await app.read('electron/latest.yml')).status).toBe(404);
    await app.publish({ version: '1.0.0', files: [{ ...WINDOWS, name: 'app.tar.xz' }] });
    const reply = await app.read('electron/latest.yml');
    expect([reply.status, await reply.text()]).toEqual([404, expect.stringContaining('.exe')]);
    for (const name of ['latest-mac.yml', 'Latest.yml', 'x.yaml', '.yml'])
      expect((await app.read(`electron/${name}`)).status, name).toBe(404);
    expect((await fetch(`${app.feeds.replace('my-app', 'other-app')}electron/latest.yml`)).status).toBe(404);
  });

  test('attack injection: notes with the syntax of YAML or control characters stay one text', async () => {
    const app = await FeedApp.start();
    const hostile = [
      'a: b\nversion: 9.9.9\nfiles: []',
      '"\n- !!js/function x\n---\n...\n',
      '\u0001\u0007\u001b[31m\u0085\u2028\u2029\ufeff\u007f',
      "%YAML 1.1\n&a *a <<: {} # {{ }} | > '",
      '2026-01-01',
      'yes',
      '  leading and trailing  \n\n',
      '\t- tab',
    ];
    let patch = 0;
    for (const notes of hostile) {
      const version = `1.0.${++patch}`;
      await app.publish({ version, files: [WINDOWS], fields: { notes } });
      const feed = await feedOf(app, 'latest.yml');
      expect(feed).toMatchObject({ version, releaseNotes: notes });
    }
  });
});
