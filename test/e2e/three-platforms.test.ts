import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { platformName } from '../../src/protocol/platform.ts';
import { checkLinux, startWorld, type World } from '../support/publish/world.ts';
import { hasMinisign, minisignAccepts } from '../support/tauri/minisign.ts';
import { type SignedBundle, signBundles, writeBundles } from '../support/tauri/signed-bundles.ts';
import { generateKey } from '../support/tauri/signer.ts';

/** The bundles and their real signatures, created once. */
let signed: Awaited<ReturnType<typeof signBundles>>;
let publish: string[];

beforeAll(async () => {
  signed = await signBundles(100_000, { appVersion: '1.2.0' });
  publish = [
    ...['publish', '--version', '1.2.0', '--slug', 'my-app', '--notes', 'Fixes.'],
    ...signed.bundles.flatMap((bundle) => ['--artifact', `${platformName(bundle)}=${bundle.name}`]),
  ];
});

async function worldWithBundles(): Promise<World> {
  const world = await startWorld();
  await writeBundles(world.folder, signed.bundles);
  await writeFile(join(world.folder, 'app.pub'), signed.key.publicKey);
  return world;
}

function check(world: World, { target, arch }: SignedBundle, currentVersion = '1.1.0') {
  const installed = ['--slug', 'my-app', '--target', target, '--arch', arch];
  const download = ['--download', '--pubkey', 'app.pub'];
  return world.runJson(['check', ...installed, '--current-version', currentVersion, ...download]);
}

describe('three platforms, each with a file signed by the real signer,', () => {
  test('R64 are published, and each client gets its own file', async () => {
    const world = await worldWithBundles();
    const published = await world.runJson([...publish, '--pubkey', 'app.pub']);
    expect(published.code, published.stderr).toBe(0);
    expect(published.document).toMatchObject({
      status: 'published',
      artifacts: signed.bundles.map(({ target, arch, name }) => ({
        ...{ target, arch, file: name },
        action: 'uploaded',
        verified: true,
      })),
      warnings: [],
    });
    const answers = signed.bundles.flatMap((bundle) => [check(world, bundle), check(world, bundle, '1.2.0')]);
    expect(await Promise.all(answers)).toMatchObject(
      signed.bundles.flatMap(({ bytes, signature }) => [
        {
          code: 0,
          document: {
            update: true,
            version: '1.2.0',
            signature,
            download: { size: bytes.length, signature_valid: true },
          },
        },
        { code: 0, document: { update: false } },
      ]),
    );
  });

  test('are not uploaded again by a second publish, and one changed byte is refused', async () => {
    const world = await worldWithBundles();
    expect(await world.run(publish)).toMatchObject({ code: 0 });
    const again = await world.runJson(publish);
    expect(again.code).toBe(0);
    expect(again.document.status).toBe('unchanged');
    expect(again.document.artifacts.map(({ action }: { action: string }) => action)).toEqual(
      signed.bundles.map(() => 'skipped'),
    );

    const linux = signed.bundles[1] as SignedBundle;
    const file = join(world.folder, linux.name);
    const bytes = await readFile(file);
    await writeFile(file, bytes.with(50_000, (bytes[50_000] ?? 0) ^ 1));
    const unchecked = await world.runJson(publish);
    expect(unchecked).toMatchObject({ code: 5, document: { error: { code: 'conflict' } } });
    expect(unchecked.document.error.message).toContain('linux-x86_64');
    const checked = await world.runJson([...publish, '--pubkey', 'app.pub']);
    expect(checked).toMatchObject({ code: 4, document: { error: { code: 'preflight_refused' } } });
    expect(await check(world, linux)).toMatchObject({
      code: 0,
      document: { download: { signature_valid: true } },
    });
  });

  test('are refused with both key ids if the key differs, and nothing is created', async () => {
    const world = await worldWithBundles();
    const other = await generateKey(world.folder, 'other');
    const { code, document } = await world.runJson([...publish, '--pubkey', other.publicKey]);
    expect(code).toBe(4);
    expect(
      document.error.message.match(/signed with key [0-9A-F]{16}, but the public key is [0-9A-F]{16}/g),
    ).toHaveLength(3);
    expect((await world.runJson(['releases', 'list'])).document).toEqual([]);
  });

  test('do not verify by another key, which check asks to look at before the release', async () => {
    const world = await worldWithBundles();
    expect(await world.run(publish)).toMatchObject({ code: 0 });
    const other = await generateKey(world.folder, 'other');
    const args = checkLinux('1.1.0', '--download', '--pubkey', other.publicKey);
    const { code, document, stderr } = await world.runJson(args);
    expect({ code, document }).toMatchObject({ code: 6, document: { download: { signature_valid: false } } });
    expect(stderr).toMatch(/--pubkey.*yank/);
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
  ])('are also verified by the server, for an app created with its key as %s', async (_, pubkey) => {
    const world = await worldWithBundles();
    const value = await pubkey(world.folder);
    const created = ['apps', 'create', 'Keyed', '--pubkey', value, '--data-dir', world.dataDir];
    const { document: app } = await world.runJson(created);
    const env = { SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: app.token };
    const published = await world.run([...publish, '--token', app.token, '--app', app.id], { env });
    expect(published.code, published.stderr).toBe(0);
  });
});

test.skipIf(!hasMinisign)(
  "R64 minisign accepts the served files with Tauri's signatures (needs minisign)",
  async () => {
    const world = await worldWithBundles();
    expect(await world.run(publish)).toMatchObject({ code: 0 });
    for (const bundle of signed.bundles) {
      const { document } = await check(world, bundle);
      const served = Buffer.from(await (await fetch(document.url)).arrayBuffer());
      const accepts = (bytes: Buffer) => minisignAccepts(signed.key.publicKey, bytes, document.signature);
      expect(await accepts(served)).toBe(true);
      expect(await accepts(Buffer.from('other bytes'))).toBe(false);
    }
  },
);
