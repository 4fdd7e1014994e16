import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { setCohortFallback } from '../../../src/database/queries/apps.ts';
import { type Platform, platformName } from '../../../src/protocol/platform.ts';
import { pathOf } from '../../../src/protocol/routes.ts';
import { compareAsUpdater } from '../../../src/protocol/version.ts';
import { offeredFile } from '../../../src/publish/verify/update-check.ts';
import { shapeOf } from '../../support/docs/json-shape.ts';
import { blocksIn, sectionsOf } from '../../support/docs/markdown.ts';
import { readText } from '../../support/docs/pages.ts';
import { nginxIsInstalled, startNginxWith } from '../../support/network/example-proxy.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { LINUX, MAC, Publisher, requireStatus, startServer } from '../../support/publish/publisher.ts';
import { type TestKey, testKey } from '../../support/publish/routed-releases.ts';
import { by } from '../../support/server/by.ts';

const [A, B] = [testKey(), testKey()];
const DEB: Platform = { ...LINUX, bundleType: 'deb' };
const RPM: Platform = { ...LINUX, bundleType: 'rpm' };
const PORTABLE: Platform = { target: 'windows-portable', arch: 'x86_64' };

interface Published {
  readonly version: string;
  readonly platforms?: readonly Platform[];
  readonly channel?: string;
  readonly requires?: string;
  readonly signed?: TestKey;
  readonly carries?: TestKey;
  readonly rollout?: { readonly percent?: number; readonly at?: string };
}

async function publish(app: Publisher, release: Published): Promise<string> {
  const {
    version,
    platforms = [LINUX, MAC],
    channel = 'stable',
    requires,
    signed = A,
    carries,
    rollout,
  } = release;
  const keys = { ...(requires && { requires }), ...(carries && { embedded_pubkey: carries.text }) };
  const fields = { ...keys, ...(rollout && { rollout }) };
  const body = { version, channel, draft: true, allow_stranding: true, ...fields };
  const { id } = requireStatus(await app.send('POST', '/releases', { body }), 201).json();
  for (const platform of platforms) {
    const { target, arch, bundleType } = platform;
    const bytes = Buffer.from(`${version} for ${platformName(platform)}`);
    const kind = bundleType === undefined ? {} : { bundle_type: bundleType };
    const file = { target, arch, file_size: bytes.length, signature: signed.signature, ...kind };
    const granted = await app.send('POST', `/releases/${id}/artifacts`, { body: file });
    requireStatus(await app.put(requireStatus(granted, 201).json().upload_url, bytes), 200);
  }
  requireStatus(await app.send('POST', `/releases/${id}/publish?allow_stranding=true`), 200);
  return id;
}

async function start() {
  const server = await startServer();
  const app = await Publisher.on(server);
  const { url, drain } = await server.listen();
  onTestFinished(() => drain());
  const folder = await tempFolder();
  const args = (baseUrl: string, ...more: string[]) => [
    ...['export', folder, '--base-url', baseUrl, '--server', url],
    ...['--app', app.id, '--token', app.token, ...more],
  ];
  return { server, app, folder, args };
}

const BASE = 'https://mirror.example.com/updates';

/** What an updater makes of an answer: the version that it installs, and the bytes; undefined for none. */
async function installed(reply: Response, asked: string, platform: Platform): Promise<string | undefined> {
  if (reply.status === 204) return undefined;
  expect(reply.status, reply.url).toBe(200);
  const update = (await reply.json()) as never as Parameters<typeof offeredFile>[0] & { version: string };
  if (compareAsUpdater(update.version, asked) <= 0) return undefined;
  const file = offeredFile(update, platform);
  const download = await fetch(file?.url ?? '');
  const sha256 = createHash('sha256')
    .update(new Uint8Array(await download.arrayBuffer()))
    .digest('hex');
  return `${update.version} ${sha256}`;
}

/** Compares what every version is led to by a server and by nginx on its export. @returns what each cell leads to */
async function compareCells(
  { server, app }: Awaited<ReturnType<typeof start>>,
  url: string,
  document: { readonly versions: readonly string[]; readonly channels: readonly string[] },
): Promise<string[]> {
  const cells: string[] = [];
  for (const channel of document.channels) {
    for (const version of document.versions) {
      for (const platform of [LINUX, DEB, RPM, MAC, PORTABLE]) {
        const { target, arch, bundleType } = platform;
        const path = pathOf('check', { slug: app.slug, target, arch, current_version: version });
        const query = new URLSearchParams({ channel, ...(bundleType && { bundle_type: bundleType }) });
        const asked = await fetch(`${server.services.publicUrl()}${path}?${query}`);
        const folders = bundleType === undefined ? ['', 'unknown/'] : [`${bundleType}/`];
        const expected = await installed(asked, version, platform);
        for (const kind of folders) {
          const at = `${url}/${app.slug}/${channel}/${target}/${arch}/${kind}`;
          const found = await fetch(`${at}${encodeURIComponent(version)}.json`);
          const cell = `${channel} ${version} ${platformName(platform)}`;
          expect(await installed(found, version, platform), cell).toBe(expected);
          cells.push(`${cell}: ${expected?.split(' ')[0]}`);
        }
      }
    }
  }
  return cells;
}

describe.skipIf(!nginxIsInstalled)('an export that nginx serves (needs nginx)', () => {
  test('leads every version to the same update as the server, on every platform, kind and channel', async () => {
    const started = await start();
    const { app, folder, args } = started;
    await publish(app, { version: '1.0.0', carries: A });
    await publish(app, { version: '1.1.0+build.7', carries: A, platforms: [LINUX, PORTABLE] });
    await publish(app, { version: '1.2.0', carries: B, platforms: [DEB, RPM, MAC] });
    const yanked = await publish(app, { version: '1.3.0', signed: B, carries: B });
    await publish(app, { version: '1.4.0-beta.1', signed: B, carries: B, channel: 'beta' });
    await publish(app, { version: '2.0.0', signed: B, carries: B, requires: '1.2.0' });
    const deleted = await publish(app, { version: '2.1.0', signed: B, carries: B });
    requireStatus(await app.send('PATCH', `/releases/${yanked}`, { body: { status: 'yanked' } }), 200);
    requireStatus(await app.send('DELETE', `/releases/${deleted}?allow_stranding=true`), 204);
    await app.send('POST', '/releases', { body: { version: '9.0.0', draft: true } });
    const nginx = await startNginxWith((port) => `server { listen 127.0.0.1:${port}; root ${folder}; }`);
    const url = nginx.url.origin;
    const { document } = await runJsonInProcess(args(url));
    expect(document.versions).toHaveLength(7 + 1);
    expect(document.channels).toEqual(['stable', 'beta']);
    const cells = await compareCells(started, url, document);
    expect(cells.length).toBeGreaterThan(100);
    expect(new Set(cells.map((cell) => cell.split(': ')[1])).size).toBe(4);
    const latest = await fetch(`${url}/${app.slug}/stable/latest.json`);
    expect(await latest.json()).toMatchObject({ version: '1.2.0' });
  });

  test('has a release that is rolled out only once it is for everyone, however apps get their cohorts', async () => {
    const started = await start();
    const { app, server, folder, args } = started;
    await publish(app, { version: '1.0.0', platforms: [LINUX, MAC, PORTABLE] });
    const before = '1.1.0';
    await publish(app, { version: before });
    const partly = await publish(app, { version: '1.2.0', rollout: { percent: 99 } });
    const paused = await publish(app, { version: '1.3.0' });
    const change = async (id: string, body: object) =>
      requireStatus(await app.send('PATCH', `/releases/${id}`, { body }), 200);
    await change(paused, { paused: true });
    await publish(app, { version: '1.4.0', rollout: { at: '2099-01-01T00:00:00Z' } });
    const nginx = await startNginxWith((port) => `server { listen 127.0.0.1:${port}; root ${folder}; }`);
    const url = nginx.url.origin;
    const run = async () => {
      const { code, document } = await runJsonInProcess(args(url));
      expect(code, JSON.stringify(document)).toBe(0);
      return document;
    };
    const cells = await compareCells(started, url, await run());
    expect(cells).toContain(`stable 1.0.0 linux-x86_64: ${before}`);
    expect(cells.filter((cell) => /: 1\.[234]/.test(cell))).toEqual([]);
    const answer = () => readFile(join(folder, 'my-app/stable/linux/x86_64/1.0.0.json'), 'utf8');
    const held = await answer();
    const rule = { appId: app.id, fallback: 'address' } as const;
    await setCohortFallback(server.database.queries, rule, by());
    for (const percent of [0, 99]) {
      await change(partly, { rollout: { percent } });
      await run();
      expect(await answer()).toBe(held);
    }
    await change(partly, { rollout: null });
    const after = await compareCells(started, url, await run());
    expect(after).toContain('stable 1.0.0 linux-x86_64: 1.2.0');
    await change(paused, { paused: false });
    expect(await compareCells(started, url, await run())).toContain('stable 1.2.0 linux-x86_64: 1.3.0');
  });
});

describe('export', () => {
  test('brings an export up to date, and removes what is not offered any more only after the grace period', async () => {
    const { app, folder, args } = await start();
    await publish(app, { version: '1.0.0', platforms: [LINUX] });
    const first = await runJsonInProcess(args(BASE));
    expect(first.document).toMatchObject({ files: 1, downloaded: 1, removed: [] });
    expect(first.document.endpoint).toBe(
      `${BASE}/my-app/stable/{{target}}/{{arch}}/{{current_version}}.json`,
    );
    const again = await runJsonInProcess(args(BASE));
    expect(again.document).toMatchObject({ files: 1, downloaded: 0, removed: [] });
    await publish(app, { version: '1.1.0', platforms: [LINUX] });
    const next = await runJsonInProcess(args(BASE));
    expect(next.document).toMatchObject({ files: 1, downloaded: 1, removed: [] });
    expect(await readdir(join(folder, 'my-app/files'))).toHaveLength(2);
    const last = await runJsonInProcess(args(BASE, '--grace', '0'));
    expect(last.document.removed).toEqual([expect.stringMatching(/^files\/[0-9a-f]{64}\//)]);
    const section = sectionsOf(readText('docs/reference/json.md')).find(
      ({ heading }) => heading === 'export',
    );
    const [shown] = blocksIn(section?.text ?? '', 'json');
    expect(shapeOf(last.document)).toEqual(shapeOf(JSON.parse(shown?.text ?? '')));
    const answer = await readFile(join(folder, 'my-app/stable/linux/x86_64/1.0.0.json'), 'utf8');
    const { url, version } = JSON.parse(answer);
    expect([version, url.slice(0, BASE.length + 14)]).toEqual(['1.1.0', `${BASE}/my-app/files/`]);
    const none = await readFile(join(folder, 'my-app/stable/linux/x86_64/1.1.0.json'), 'utf8');
    expect(JSON.parse(none)).toEqual({ version: '1.1.0', url: `${BASE}/my-app/index.json`, signature: '' });
    const all = await readdir(join(folder, 'my-app'), { recursive: true });
    expect(all.filter((path) => path.endsWith('.part'))).toEqual([]);
  });

  test('fetches a file again that was damaged, or of which only a part is there', async () => {
    const { app, folder, args } = await start();
    await publish(app, { version: '1.0.0', platforms: [LINUX, MAC] });
    await runJsonInProcess(args(BASE));
    const { files } = JSON.parse(await readFile(join(folder, 'my-app/index.json'), 'utf8'));
    const [one, other] = files.map(({ path }: { path: string }) => join(folder, 'my-app', path));
    const bytes = await readFile(one);
    await writeFile(one, Buffer.from(bytes).fill(0, 3, 5));
    await rm(other);
    await writeFile(`${other}.1234.part`, 'half');
    const again = await runJsonInProcess(args(BASE));
    expect(again.document).toMatchObject({ files: 2, downloaded: 2 });
    expect(await readFile(one)).toEqual(bytes);
  });

  test('fails before any answer leads to bytes that are not those that were published', async () => {
    const { app, folder, server, args } = await start();
    const id = await publish(app, { version: '1.0.0', platforms: [LINUX] });
    const artifacts = server.database.queries.updateTable('artifacts').set({ sha256: 'ab'.repeat(32) });
    await artifacts.where('release_id', '=', id).execute();
    const failed = await runJsonInProcess(args(BASE));
    expect([failed.code, failed.document.error.code]).toEqual([6, 'verification_failed']);
    expect(await readdir(join(folder, 'my-app'))).toEqual(['.synckit-ota-export.json', 'files']);
  });

  test('touches no folder that something else has filled, and names every wrong option', async () => {
    const { app, folder, args } = await start();
    await publish(app, { version: '1.0.0' });
    await mkdir(join(folder, 'my-app'));
    await writeFile(join(folder, 'my-app/index.html'), 'mine');
    const refused = await runJsonInProcess(args(BASE));
    expect([refused.code, refused.document.error.code]).toEqual([2, 'usage']);
    expect(await readdir(join(folder, 'my-app'))).toEqual(['index.html']);
    const wrong = await runInProcess(['export', 's3://b', '--base-url', 'ftp://x', '--grace', '-1']);
    expect(wrong.code).toBe(2);
    for (const part of ['s3://b', '--base-url', '--grace']) expect(wrong.stderr).toContain(part);
  });
});
