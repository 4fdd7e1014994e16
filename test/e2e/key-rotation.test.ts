import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publicKeyIdOf } from '../../src/protocol/minisign.ts';
import type { JsonRun } from '../support/process/json-run.ts';
import { startWorld, type World } from '../support/publish/world.ts';
import { generateKey, type SigningKey, signFile } from '../support/tauri/signer.ts';
import { changeConfig, copyProject, layOutBuild, updaterFor } from '../support/tauri/tauri-project.ts';

/*
 * An app changes its key twice: real signatures of three keys, the built command in a Tauri project's folder, without
 * options, and the real server. From each version an app has to get to the newest, with signatures that it can verify.
 */

/** For five releases, each signed by a process of its own, in milliseconds. */
const LONG_MS = 120_000;

let folder: string;
let keys: Record<'first' | 'second' | 'third', SigningKey>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'synckit-ota-test-'));
  const [first, second, third] = await Promise.all(
    ['first', 'second', 'third'].map((name) => generateKey(folder, name)),
  );
  if (!first || !second || !third) throw new Error('three keys were generated');
  keys = { first, second, third };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What a release is built and signed with. */
interface Keys {
  readonly signed: SigningKey;
  readonly carries: SigningKey;
}

const idOf = ({ publicKey }: SigningKey) => publicKeyIdOf(publicKey);

/** 1.0 and its two rotations. */
const history = (): Record<string, Keys> => ({
  '1.0.0': { signed: keys.first, carries: keys.first },
  '1.1.0': { signed: keys.first, carries: keys.second },
  '1.2.0': { signed: keys.second, carries: keys.second },
  '1.3.0': { signed: keys.second, carries: keys.third },
  '1.4.0': { signed: keys.third, carries: keys.third },
});

/** The signed files of a version, which are made once: the signer takes its time. */
async function builtWith(signed: SigningKey, version: string): Promise<string> {
  const targetFolder = join(folder, `${idOf(signed)}-${version}`);
  if (existsSync(targetFolder)) return targetFolder;
  const sign = (file: string) => signFile(signed, file, { appVersion: version });
  await layOutBuild(folder, 'linux', { version, targetFolder, sign });
  return targetFolder;
}

async function startProject(): Promise<{
  world: World;
  build: (version: string, keys: Keys) => Promise<void>;
}> {
  const world = await startWorld();
  const project = await copyProject();
  return {
    world: { ...world, folder: project },
    async build(version, { signed, carries }) {
      const updater = updaterFor(world.server.url, { pubkey: carries.publicKey, slug: 'my-app' });
      await changeConfig(project, { version, plugins: { updater } });
      const target = join(project, 'src-tauri/target');
      await rm(target, { recursive: true, force: true });
      await cp(await builtWith(signed, version), target, { recursive: true });
    },
  };
}

type Environment = Readonly<Record<string, string>>;

function publish({ folder: project, runJson }: World, env: Environment, ...more: string[]): Promise<JsonRun> {
  return runJson(['publish', '--project', project, ...more], { env });
}

/** The versions that an app gets to, one after another, verifying each download with the key that it has. */
async function walk({ runJson }: World, from: string, bundleType?: string): Promise<string[]> {
  const passed = [from];
  for (;;) {
    const current = passed.at(-1) ?? from;
    const carried = history()[current]?.carries.publicKey ?? '';
    const platform = ['--target', 'linux', '--arch', 'x86_64'];
    const kind = bundleType === undefined ? [] : ['--bundle-type', bundleType];
    const asked = ['check', '--slug', 'my-app', ...platform, ...kind, '--current-version', current];
    const checked = await runJson([...asked, '--download', '--pubkey', carried]);
    expect(checked.code, checked.stderr).toBe(0);
    if (!checked.document.update) return passed;
    expect(checked.document.download.signature_valid).toBe(true);
    passed.push(checked.document.version);
  }
}

const WAYS: Record<string, string[]> = {
  '1.0.0': ['1.0.0', '1.1.0', '1.3.0', '1.4.0'],
  '1.1.0': ['1.1.0', '1.3.0', '1.4.0'],
  '1.2.0': ['1.2.0', '1.3.0', '1.4.0'],
  '1.3.0': ['1.3.0', '1.4.0'],
  '1.4.0': ['1.4.0'],
};

describe('field 1: two rotations of a key', () => {
  test.each([
    ['whose app has no key', false],
    ['whose app was created with the first key', true],
  ])(
    'are published without options to a server %s, and no version is left behind',
    { timeout: LONG_MS },
    async (_, hasKey) => {
      const { world, build } = await startProject();
      let env: Environment = {};
      if (hasKey) {
        const create = ['apps', 'create', 'Keyed', '--slug', 'my-app', '--pubkey', keys.first.publicKey];
        const { document: app } = await world.runJson([...create, '--data-dir', world.dataDir]);
        env = { SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: app.token };
      }
      for (const [version, { signed, carries }] of Object.entries(history())) {
        await build(version, { signed, carries });
        const published = await publish(world, env, '--notes', version);
        expect(published.code, `${version}: ${published.stderr}`).toBe(0);
        expect(published.document).toMatchObject({
          status: 'published',
          release: { version, signing_key_id: idOf(signed) },
          artifacts: [{ verified: true }, { verified: true }, { verified: true }],
          warnings:
            signed === carries ? [] : [expect.stringMatching(`${idOf(signed)} to key ${idOf(carries)}`)],
        });
      }
      // A re-run of the last job finds nothing to do.
      expect((await publish(world, env)).document).toMatchObject({ status: 'unchanged' });
      for (const [from, way] of Object.entries(WAYS)) {
        expect(await walk(world, from), from).toEqual(way);
      }
      expect(await walk(world, '1.0.0', 'deb')).toEqual(WAYS['1.0.0']);
      const shown = await world.run(['releases', 'show', '1.1.0'], { env });
      expect(shown.stdout).toContain(`signed with key ${idOf(keys.first)}, carries key ${idOf(keys.second)}`);
    },
  );

  test('without a bridge are refused before anything is created, naming the versions', async () => {
    const { world, build } = await startProject();
    await build('1.0.0', { signed: keys.first, carries: keys.first });
    expect((await publish(world, {})).code).toBe(0);
    await build('1.1.0', { signed: keys.second, carries: keys.second });
    const refused = await publish(world, {});
    expect(refused).toMatchObject({ code: 4, document: { error: { code: 'preflight_refused' } } });
    expect(refused.document.error.message).toContain('1.0.0 would have no way to 1.1.0');
    expect(refused.document.error.hint).toContain(idOf(keys.first));
    expect((await world.runJson(['releases', 'list'])).document).toHaveLength(1);

    const allowed = await publish(world, {}, '--allow-stranding');
    expect(allowed.code, allowed.stderr).toBe(0);
    const platform = ['--target', 'linux', '--arch', 'x86_64'];
    const stranded = ['check', '--slug', 'my-app', ...platform, '--current-version', '1.0.0'];
    const { document } = await world.runJson(stranded);
    expect(document).toMatchObject({ update: false });
  });

  test('that lose their bridge are refused, unless stranding is allowed', async () => {
    const { world, build } = await startProject();
    for (const [version, used] of Object.entries(history()).slice(0, 3)) {
      await build(version, used);
      expect((await publish(world, {})).code).toBe(0);
    }
    for (const command of ['yank', 'delete']) {
      const refused = await world.runJson(['releases', command, '1.1.0']);
      expect(refused).toMatchObject({ code: 4, document: { error: { code: 'preflight_refused' } } });
      expect(refused.document.error.message).toContain('1.0.0');
      expect(refused.document.error.hint).toContain('--allow-stranding');
    }
    const yanked = await world.run(['releases', 'yank', '1.1.0', '--allow-stranding']);
    expect(yanked.code, yanked.stderr).toBe(0);
    expect((await world.run(['releases', 'restore', '1.1.0'])).code).toBe(0);
    expect(await walk(world, '1.0.0')).toEqual(['1.0.0', '1.1.0', '1.2.0']);
    const deleted = await world.run(['releases', 'delete', '1.1.0', '--allow-stranding']);
    expect(deleted.code, deleted.stderr).toBe(0);
  });

  test('go on once a wrong key that was recorded is corrected', { timeout: LONG_MS }, async () => {
    const { world, build } = await startProject();
    for (const [version, used] of Object.entries(history()).slice(0, 2)) {
      await build(version, used);
      const wrong = version === '1.1.0' ? ['--embedded-pubkey', keys.third.publicKey] : [];
      expect((await publish(world, {}, ...wrong)).code).toBe(0);
    }
    await build('1.2.0', { signed: keys.second, carries: keys.second });
    expect(await publish(world, {})).toMatchObject({ code: 4 });
    const edit = ['releases', 'edit', '1.1.0', '--embedded-pubkey'];
    const corrected = await world.runJson([...edit, keys.second.publicKey]);
    expect(corrected.code, corrected.stderr).toBe(0);
    expect(publicKeyIdOf(corrected.document.embedded_pubkey)).toBe(idOf(keys.second));
    const published = await publish(world, {});
    expect(published.code, published.stderr).toBe(0);
    expect(await walk(world, '1.0.0')).toEqual(['1.0.0', '1.1.0', '1.2.0']);

    const refused = await world.runJson([...edit, keys.third.publicKey]);
    expect(refused).toMatchObject({ code: 4, document: { error: { code: 'preflight_refused' } } });
    expect(refused.document.error.message).toContain('1.1.0');
    expect(await world.runJson([...edit, keys.third.publicKey, '--allow-stranding'])).toMatchObject({
      code: 0,
    });
  });

  test('are refused by the gate before anything is created, whoever may be stranded', async () => {
    const { world, build } = await startProject();
    const create = ['apps', 'create', 'Keyed', '--slug', 'my-app', '--pubkey', keys.first.publicKey];
    const { document: app } = await world.runJson([...create, '--data-dir', world.dataDir]);
    const env = { SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: app.token };
    await build('1.0.0', { signed: keys.second, carries: keys.second });
    for (const more of [
      [],
      ['--allow-stranding'],
      ['--allow-stranding', '--pubkey', keys.second.publicKey],
    ]) {
      const refused = await publish(world, env, ...more);
      expect(refused).toMatchObject({ code: 4, document: { error: { code: 'preflight_refused' } } });
      expect(refused.document.error.hint).toContain('apps set-key');
    }
    expect((await world.runJson(['releases', 'list'], { env })).document).toEqual([]);
  });
});

test('field 1: a stepping stone is passed before what requires it', async () => {
  const { world, build } = await startProject();
  const same = { signed: keys.first, carries: keys.first };
  for (const version of ['1.0.0', '1.1.0']) {
    await build(version, same);
    expect((await publish(world, {})).code).toBe(0);
  }
  await build('1.2.0', same);
  const unreachable = await publish(world, {}, '--requires', '1.1.5');
  expect(unreachable).toMatchObject({ code: 4, document: { error: { code: 'preflight_refused' } } });
  expect(unreachable.document.error.message).toContain('1.0.0 and 1.1.0');
  expect(await publish(world, {}, '--requires', '1.2.0')).toMatchObject({ code: 2 });
  const published = await publish(world, {}, '--requires', '1.1.0');
  expect(published.code, published.stderr).toBe(0);
  expect(published.document.release).toMatchObject({ requires: '1.1.0' });
  const platform = ['--target', 'linux', '--arch', 'x86_64'];
  const offered = async (version: string) => {
    const asked = ['check', '--slug', 'my-app', ...platform, '--current-version', version];
    return (await world.runJson(asked)).document.version;
  };
  expect([await offered('1.0.0'), await offered('1.1.0')]).toEqual(['1.1.0', '1.2.0']);
});
