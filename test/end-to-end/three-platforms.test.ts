import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { isInstalled } from '../support/is-installed.ts';
import { generateKey, type SigningKey, signFile } from '../support/signer.ts';
import { startWorld, type World } from './world.ts';

const exec = promisify(execFile);

const BUNDLES = [
  { target: 'darwin', arch: 'aarch64', file: 'App.app.tar.gz' },
  { target: 'linux', arch: 'x86_64', file: 'App_1.2.0_amd64.AppImage' },
  { target: 'windows', arch: 'x86_64', file: 'App_1.2.0_x64-setup.exe' },
] as const;
const PUBLISH = [
  ...['publish', '--version', '1.2.0', '--slug', 'my-app', '--notes', 'Fixes.'],
  ...BUNDLES.flatMap(({ target, arch, file }) => ['--artifact', `${target}-${arch}=${file}`]),
];

/** The bundles and their real signatures, made once. */
let signed: { key: SigningKey; files: Map<string, Buffer> };

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-test-'));
  const key = await generateKey(folder);
  const files = new Map([['app.pub', Buffer.from(key.publicKey)]]);
  for (const { file } of BUNDLES) {
    await writeFile(join(folder, file), randomBytes(100_000));
    await signFile(key, join(folder, file), { appVersion: '1.2.0' });
    for (const name of [file, `${file}.sig`]) files.set(name, await readFile(join(folder, name)));
  }
  await rm(folder, { recursive: true });
  signed = { key, files };
});

async function worldWithBundles(): Promise<World> {
  const world = await startWorld();
  for (const [name, bytes] of signed.files) await writeFile(join(world.folder, name), bytes);
  return world;
}

function check(world: World, { target, arch }: (typeof BUNDLES)[number], currentVersion = '1.1.0') {
  const installed = ['--slug', 'my-app', '--target', target, '--arch', arch];
  const download = ['--download', '--pubkey', 'app.pub'];
  return world.runJson(['check', ...installed, '--current-version', currentVersion, ...download]);
}

describe('three platforms, each file signed by the real signer', () => {
  test('are published, and each client gets its own', async () => {
    const world = await worldWithBundles();
    const published = await world.runJson([...PUBLISH, '--pubkey', 'app.pub']);
    expect(published.code, published.stderr).toBe(0);
    expect(published.document).toMatchObject({
      status: 'published',
      artifacts: BUNDLES.map((bundle) => ({ ...bundle, action: 'uploaded', verified: true })),
      warnings: [],
    });
    const answers = BUNDLES.flatMap((bundle) => [check(world, bundle), check(world, bundle, '1.2.0')]);
    expect(await Promise.all(answers)).toMatchObject(
      BUNDLES.flatMap(({ file }) => [
        {
          code: 0,
          document: {
            update: true,
            version: '1.2.0',
            signature: signed.files.get(`${file}.sig`)?.toString(),
            download: { size: signed.files.get(file)?.length, signature_valid: true },
          },
        },
        { code: 0, document: { update: false } },
      ]),
    );
  });

  test('that are published again upload nothing, and one changed byte is refused', async () => {
    const world = await worldWithBundles();
    expect(await world.run(PUBLISH)).toMatchObject({ code: 0 });
    const again = await world.runJson(PUBLISH);
    expect(again.code).toBe(0);
    expect(again.document.status).toBe('unchanged');
    expect(again.document.artifacts.map(({ action }: { action: string }) => action)).toEqual(
      BUNDLES.map(() => 'skipped'),
    );

    const file = join(world.folder, BUNDLES[1].file);
    const bytes = await readFile(file);
    await writeFile(file, bytes.with(50_000, (bytes[50_000] ?? 0) ^ 1));
    const unchecked = await world.runJson(PUBLISH);
    expect(unchecked).toMatchObject({ code: 5, document: { error: { code: 'conflict' } } });
    expect(unchecked.document.error.message).toContain('linux-x86_64');
    const checked = await world.runJson([...PUBLISH, '--pubkey', 'app.pub']);
    expect(checked).toMatchObject({ code: 4, document: { error: { code: 'preflight_refused' } } });
    expect(await check(world, BUNDLES[1])).toMatchObject({
      code: 0,
      document: { download: { signature_valid: true } },
    });
  });

  test('are refused with both key ids where the key is another, and nothing is created', async () => {
    const world = await worldWithBundles();
    const other = await generateKey(world.folder, 'other');
    const { code, document } = await world.runJson([...PUBLISH, '--pubkey', other.publicKey]);
    expect(code).toBe(4);
    expect(
      document.error.message.match(/signed with key [0-9A-F]{16}, but the public key is [0-9A-F]{16}/g),
    ).toHaveLength(3);
    expect((await world.runJson(['releases', 'list'])).document).toEqual([]);
  });

  test.each([
    ['its text', () => Promise.resolve(signed.key.publicKey)],
    [
      'a tauri.conf.json',
      async (folder: string) => {
        const config = { plugins: { updater: { pubkey: signed.key.publicKey } } };
        await writeFile(join(folder, 'tauri.conf.json'), JSON.stringify(config));
        return 'tauri.conf.json';
      },
    ],
  ])('are verified by the server too, for an app created with its key as %s', async (_, pubkey) => {
    const world = await worldWithBundles();
    const value = await pubkey(world.folder);
    const created = ['apps', 'create', 'Keyed', '--pubkey', value, '--data-dir', world.dataDir];
    const { document: app } = await world.runJson(created);
    const env = { SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: app.token };
    const published = await world.run([...PUBLISH, '--token', app.token, '--app', app.id], { env });
    expect(published.code, published.stderr).toBe(0);
  });
});

test.skipIf(!isInstalled('minisign'))(
  "minisign accepts what is served with Tauri's signatures (needs minisign)",
  async () => {
    const world = await worldWithBundles();
    expect(await world.run(PUBLISH)).toMatchObject({ code: 0 });
    const inFolder = (name: string) => join(world.folder, name);
    await writeFile(inFolder('minisign.pub'), Buffer.from(signed.key.publicKey, 'base64'));
    for (const bundle of BUNDLES) {
      const { document } = await check(world, bundle);
      const response = await fetch(document.url);
      await writeFile(inFolder('served'), Buffer.from(await response.arrayBuffer()));
      await writeFile(inFolder('served.minisig'), Buffer.from(document.signature, 'base64'));
      const verify = ['-V', '-m', inFolder('served'), '-p', inFolder('minisign.pub')];
      expect((await exec('minisign', verify)).stdout).toContain('Signature and comment signature verified');
      await writeFile(inFolder('served'), 'other bytes');
      await expect(exec('minisign', verify)).rejects.toThrow();
    }
  },
);
