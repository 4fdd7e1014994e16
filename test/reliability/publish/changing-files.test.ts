import { appendFile, open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { parsePublicKey } from '../../../src/protocol/minisign.ts';
import { routeOf } from '../../support/network/route-of.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { startFaultWorld } from '../../support/publish/fault-world.ts';
import { expectServed, fetchServed } from '../../support/server/served-update.ts';
import { hasMinisign, minisignAccepts } from '../../support/tauri/minisign.ts';
import { type SignedBundle, signBundles, writeBundles } from '../../support/tauri/signed-bundles.ts';

/** More than the buffers between file and server hold, so that a pause leaves a part unread. */
const LARGE = 12 * 1024 * 1024;
const SIZE = 100_000;
const PAUSE_AT = 1024 * 1024;

let bundles: readonly SignedBundle[];
/** Other files, signed with the same key. */
let others: readonly SignedBundle[];
let publicKey: string;

beforeAll(async () => {
  const signed = await signBundles(SIZE, { large: LARGE });
  bundles = signed.bundles;
  others = (await signBundles(SIZE, { key: signed.key, large: LARGE })).bundles;
  publicKey = signed.key.publicKey;
});

async function startRound() {
  const world = await startFaultWorld();
  const app = await world.createApp();
  const folder = await tempFolder();
  const artifacts = await writeBundles(folder, bundles);
  const publish = () => app.publish({ artifacts, publicKey: parsePublicKey(publicKey), concurrency: 3 });
  const files = artifacts.map(({ file }) => file);
  return { ...world, app, folder, files, publish };
}

async function overwrite(file: string, position: number): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.write('other bytes', position);
  await handle.close();
}

async function replace(file: string, by: Buffer): Promise<void> {
  await writeFile(`${file}.new`, by);
  await rename(`${file}.new`, file);
}

describe('R63 in the middle of its upload, a file that', () => {
  test.each<[string, (file: string) => Promise<void>]>([
    ['grows', (file) => appendFile(file, 'more')],
    ['shrinks', (file) => truncate(file, LARGE - 1)],
    ['is emptied', (file) => truncate(file, 0)],
    ['gets different bytes at its end', (file) => overwrite(file, LARGE - 100)],
    ['gets different bytes where it was already read', (file) => overwrite(file, 0)],
    ['is written again', (file) => writeFile(file, others[1]?.bytes ?? '')],
    ['is replaced by another', (file) => replace(file, others[1]?.bytes ?? Buffer.of())],
    ['is replaced by the same', async (file) => replace(file, await readFile(file))],
    ['is removed', (file) => rm(file)],
  ])(
    '%s ends the upload: no wrong file becomes visible, and a re-run with the right file completes the publish',
    async (_, change) => {
      const { proxy, app, folder, files, publish } = await startRound();
      const changing = String(bundles[1]?.bytes.length);
      proxy.inject = ({ headers }) =>
        headers['content-length'] === changing
          ? { at: { requestByte: PAUSE_AT }, action: () => change(files[1] ?? '') }
          : undefined;
      const { outcome, requests } = await publish();
      expect(outcome).toMatchObject({
        code: 'preflight_refused',
        message: `${files[1]} changed while it was being uploaded`,
      });
      const upload = requests.find(({ headers }) => headers['content-length'] === changing);
      expect(upload).toMatchObject({ struck: true, answer: undefined });
      expect(upload?.passedBytes).toBeLessThan(Number(changing));
      expect(await fetchServed(proxy.url, app.slug, bundles[1] as SignedBundle)).toBeUndefined();
      await expectServed(proxy.url, app.slug, bundles, { allowNothing: true });

      proxy.inject = () => undefined;
      await writeBundles(folder, bundles);
      const again = await publish();
      expect(again.outcome).toMatchObject({ artifacts: bundles.map(() => ({ verified: true })) });
      const sent = again.requests.filter((request) => routeOf(request) === 'upload');
      expect(sent.map(({ headers }) => headers['content-length'])).toEqual([changing]);
      await expectServed(proxy.url, app.slug, bundles);
    },
  );
});

describe('R63 before the first write', () => {
  test('all files are hashed and all signatures read, and files that change later are refused', async () => {
    const { proxy, app, folder, publish } = await startRound();
    let written = false;
    proxy.inject = ({ method }) => {
      if (method === 'GET' || written) return undefined;
      written = true;
      return { at: 'before', action: () => writeBundles(folder, others) };
    };
    const { outcome } = await publish();
    expect(written).toBe(true);
    expect(outcome).toMatchObject({ code: 'preflight_refused', message: expect.stringContaining('changed') });
    for (const bundle of bundles) expect(await fetchServed(proxy.url, app.slug, bundle)).toBeUndefined();
  });

  test.each<[string, (file: string) => Promise<void>, string]>([
    ['is missing', (file) => rm(file), 'usage'],
    ['is empty', (file) => truncate(file, 0), 'usage'],
    ['has no signature', (file) => rm(`${file}.sig`), 'usage'],
    ['has one byte changed', (file) => overwrite(file, SIZE / 2), 'preflight_refused'],
    [
      "has another file's signature",
      (file) => writeFile(`${file}.sig`, bundles[0]?.signature ?? ''),
      'preflight_refused',
    ],
  ])('a file that %s is reported, even as the last of three', async (_, spoil, code) => {
    const { app, files, publish } = await startRound();
    await spoil(files[2] ?? '');
    const { outcome, requests } = await publish();
    expect(outcome).toMatchObject({ code, message: expect.stringContaining(files[2] ?? '') });
    expect(requests.filter(({ method }) => method !== 'GET')).toEqual([]);
    expect(await app.listReleases()).toEqual([]);
  });
});

test.skipIf(!hasMinisign)(
  'R64 after a publish, minisign accepts the file that each platform gets (needs minisign)',
  async () => {
    const { proxy, app, publish } = await startRound();
    expect((await publish()).outcome).toMatchObject({ status: 'published' });
    for (const [i, bundle] of bundles.entries()) {
      const served = await fetchServed(proxy.url, app.slug, bundle);
      if (served === undefined) throw new Error('an update is offered');
      expect(await minisignAccepts(publicKey, served.bytes, served.signature)).toBe(true);
      expect(await minisignAccepts(publicKey, others[i]?.bytes ?? Buffer.of(), served.signature)).toBe(false);
    }
  },
);
