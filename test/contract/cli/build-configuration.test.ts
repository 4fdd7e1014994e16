import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { formatPublicKey, publicKeyIdOf } from '../../../src/protocol/minisign.ts';
import { runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { openTestServer, type TestServer } from '../../support/server/server.ts';
import { generateKeyInProcess, signInProcess } from '../../support/tauri/in-process-signer.ts';
import { copyProject, layOutBuild, updaterFor, write } from '../../support/tauri/tauri-project.ts';

/*
 * Projects that keep the name, the key or the endpoint of their releases in a configuration of its own, given to
 * `tauri build --config`: the one in the folder is for development.
 */

const key = generateKeyInProcess();
const developmentKey = generateKeyInProcess();
let server: TestServer;
let env: Record<string, string>;

beforeEach(async () => {
  server = await openTestServer(join(await tempFolder(), 'server'));
  onTestFinished(() => server.close());
  const { url } = await server.listen();
  env = { SYNCKIT_OTA_SERVER: url, CARGO_TARGET_DIR: '', TAURI_CONFIG: '' };
  await useApp({ slug: 'cap' });
});

async function useApp(fields: Parameters<TestServer['createApp']>[0]): Promise<void> {
  const app = await server.createApp(fields);
  env = { ...env, SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: app.token };
}

/** With an endpoint for each slug, all on the server of the test. */
const updater = (pubkey: string, ...slugs: readonly string[]) => {
  const endpointOf = (slug: string) => updaterFor(env.SYNCKIT_OTA_SERVER ?? '', { slug }).endpoints;
  const endpoints = slugs.flatMap(endpointOf);
  return { plugins: { updater: { pubkey, endpoints, dangerousInsecureTransportProtocol: true } } };
};

/** A project with this configuration, of which `product` was built. */
async function built(config: object, product = 'Cap', version = '1.2.0'): Promise<string> {
  const project = await copyProject({ version: '1.2.0', ...config });
  const sign = (file: string) => signInProcess(key, file, version);
  await layOutBuild(project, 'linux', { product, version, sign });
  return project;
}

const overlay = (project: string, name: string, content: object | string) =>
  write(
    join(project, 'src-tauri', name),
    typeof content === 'string' ? content : JSON.stringify(content),
  ).then(() => join(project, 'src-tauri', name));

const publish = (project: string, args: readonly string[] = [], more: Record<string, string> = {}) =>
  runJsonInProcess(['publish', '--project', project, ...args], { env: { ...env, ...more } });

const names = (artifacts: readonly { target: string; bundle_type: string }[]) =>
  artifacts.map(({ target, bundle_type }) => `${target} ${bundle_type}`).sort();

const ALL = ['linux appimage', 'linux deb', 'linux rpm'];

describe('field 5: publish with the configuration of the release', () => {
  const development = () => ({ productName: 'Cap - Development', ...updater('', 'cap-dev') });
  const release = () => ({ productName: 'Cap', ...updater(key.publicKey, 'cap') });

  test('finds what was built with name, key and endpoint in one --config', async () => {
    const project = await built(development());
    const file = await overlay(project, 'tauri.prod.conf.json', release());
    const { code, document } = await publish(project, ['--config', file]);
    expect(code).toBe(0);
    expect(names(document.artifacts)).toEqual(ALL);
    expect(document).toMatchObject({ status: 'published', warnings: [] });
  });

  test.each<[string, (project: string) => string]>([
    ["relative to the project's folder", () => 'src-tauri/tauri.prod.conf.json'],
    ['as JSON', () => JSON.stringify(release())],
    ['as an absolute path', (project) => join(project, 'src-tauri/tauri.prod.conf.json')],
  ])('takes --config %s', async (_, value) => {
    const project = await built(development());
    await overlay(project, 'tauri.prod.conf.json', release());
    expect((await publish(project, ['--dry-run', '--config', value(project)])).code).toBe(0);
  });

  test('takes several, of which the last one wins', async () => {
    const project = await built({ productName: 'Dev', ...updater('', 'dev') }, 'Cap', '2.0.0');
    const toml = await overlay(project, 'a.toml', 'productName = "Nightly"\nversion = "2.0.0"\n');
    const json5 = await overlay(project, 'b.json5', `{productName:'Cap', ...}`.replace(', ...', ','));
    const args = [
      '--config',
      toml,
      '--config',
      json5,
      '--config',
      JSON.stringify(updater(key.publicKey, 'cap')),
    ];
    const { code, document } = await publish(project, [...args, '--notes', 'The second.']);
    expect(code).toBe(0);
    expect(document).toMatchObject({ release: { version: '2.0.0' }, warnings: [] });
  });

  test('takes TAURI_CONFIG, which --config replaces', async () => {
    const project = await built(development());
    const variable = { TAURI_CONFIG: JSON.stringify(release()) };
    expect((await publish(project, ['--dry-run'], variable)).code).toBe(0);
    const replaced = await publish(project, ['--dry-run', '--config', '{}'], variable);
    expect(replaced.document.error.message).toContain('Cap - Development');
  });

  test('takes those in the config file, relative to it', async () => {
    const project = await built(development());
    await overlay(project, 'tauri.prod.conf.json', release());
    const settings = { config: ['src-tauri/tauri.prod.conf.json', { version: '1.2.0' }] };
    await writeFile(join(project, 'synckit-ota.config.json'), JSON.stringify(settings));
    expect((await publish(project, ['--dry-run'])).code).toBe(0);
  });

  test('checks signatures with the key of the overlay', async () => {
    const project = await built({ productName: 'Cap', ...updater(developmentKey.publicKey, 'cap') });
    const file = await overlay(project, 'tauri.release.conf.json', updater(key.publicKey, 'cap'));
    const { code, document } = await publish(project, ['--dry-run']);
    expect(code).toBe(4);
    expect(document.error.message).toMatch(
      /public key is \w{16} \(plugins\.updater\.pubkey of .*tauri\.conf\.json\)/,
    );
    expect((await publish(project, ['--dry-run', '--config', file])).code).toBe(0);
  });

  test('knows from the overlay that bundles should have been signed', async () => {
    const project = await copyProject({
      version: '1.2.0',
      productName: 'Cap',
      bundle: { active: true },
      ...updater(key.publicKey, 'cap'),
    });
    await layOutBuild(project, 'linux', { product: 'Cap', updaterArtifacts: false });
    const on = JSON.stringify({ bundle: { createUpdaterArtifacts: true } });
    const { document } = await publish(project, ['--dry-run', '--config', on]);
    expect(document.error.message).toContain('although bundle.createUpdaterArtifacts is on');
  });

  test.each([
    ['a missing file', ['--config', 'nowhere.json'], {}, 'nowhere.json does not exist'],
    ['broken JSON', ['--config', '{"a"'], {}, '--config is not valid JSON'],
    ['a list in TAURI_CONFIG', [], { TAURI_CONFIG: '[]' }, 'TAURI_CONFIG is not a configuration'],
    ['a path in TAURI_CONFIG', [], { TAURI_CONFIG: 'a.json' }, 'TAURI_CONFIG is not valid JSON'],
  ])('refuses %s', async (_, args, more, words) => {
    const { code, document } = await publish(await built(development()), args, more);
    expect(code).toBe(2);
    expect(document.error.message).toContain(words);
  });
});

describe('field 3: the slug of a project', () => {
  test('is not registered in place of the one that the app has', async () => {
    const project = await built({ productName: 'Cap', ...updater(key.publicKey, 'cap-dev') });
    const { code, document } = await publish(project);
    expect(code).toBe(4);
    expect(document.error.message).toMatch(/slug is cap, but .*tauri\.conf\.json has cap-dev/);
    const meant = ['--slug', 'cap', '--allow-endpoint-mismatch']; // the build asks for the other one
    expect((await publish(project, meant)).code).toBe(0);
  });

  test('is registered if the app has none, and kept', async () => {
    await useApp({});
    const project = await built({ productName: 'Cap', ...updater(key.publicKey, 'cap-new') });
    expect((await publish(project)).code).toBe(0);
    expect((await publish(project)).document.status).toBe('unchanged');
  });

  test('of several endpoints is the one that the app has', async () => {
    const project = await built({ productName: 'Cap', ...updater(key.publicKey, 'cap-staging', 'cap') });
    const { code, document } = await publish(project);
    expect(code).toBe(0);
    expect(document.artifacts[0].verified).toBe(true);
  });

  test('of several endpoints is not guessed', async () => {
    await useApp({});
    const project = await built({ productName: 'Cap', ...updater(key.publicKey, 'cap-staging', 'cap-2') });
    const { code, document } = await publish(project);
    expect(code).toBe(2);
    expect(document.error.message).toContain('cap-staging, cap-2');
    expect((await publish(project, ['--slug', 'cap-2'])).code).toBe(0);
  });
});

describe('field 5: a config file that cannot be used', () => {
  test.each([
    ['broken', '{ "server": '],
    ['with an unknown setting', '{"sever":"https://updates.example.com"}'],
  ])('and is %s is the only problem: what it may have set is not missing', async (_, content) => {
    const folder = await tempFolder();
    await writeFile(join(folder, 'synckit-ota.config.json'), content);
    const { code, document } = await runJsonInProcess(['publish', '--project', folder], {
      env: { SYNCKIT_OTA_TOKEN: env.SYNCKIT_OTA_TOKEN ?? '' },
    });
    expect(code).toBe(2);
    expect(document.error.message).toMatch(/synckit-ota\.config\.json/);
    expect(document.error.message).not.toMatch(/problems|project|no server|no app/);
  });
});

test('field 5: a dry run that is refused before there are files prints no empty table', async () => {
  const project = await copyProject({ version: '1.2.0', ...updater(key.publicKey, 'cap') });
  const { code, stderr } = await publish(project, ['--dry-run']);
  expect(code).toBe(2);
  expect(stderr).not.toContain('sha256');
});

test('field 5: a version that is wrong in package.json is reported as of that file', async () => {
  const project = await copyProject({});
  await writeFile(join(project, 'package.json'), '{"version":"v1.2.0"}');
  const { document } = await publish(project);
  expect(document.error.message).toMatch(/version "v1\.2\.0" in .*package\.json is not strict semver/);
});

describe("field 5: a key in the project's configuration that the app could not read", () => {
  const line = formatPublicKey(key.pair.publicKey);
  test.each([
    ['the bare line', line],
    ['a line break at its end', `${key.publicKey}\n`],
    ['base64 of the line', Buffer.from(line).toString('base64')],
  ])('is refused: %s', async (_, pubkey) => {
    const project = await built({ productName: 'Cap', ...updater(pubkey, 'cap') });
    for (const args of [[], ['--pubkey', key.publicKey]]) {
      const { code, document } = await publish(project, args);
      expect(code).toBe(2);
      expect(document.error.message).toMatch(/plugins\.updater\.pubkey in .*tauri\.conf\.json/);
      expect(document.error.hint).toContain(key.publicKey);
    }
  });
});

describe('field 1: the keys of the systems of one release', () => {
  async function builtForBoth(pubkey: string): Promise<string> {
    const project = await built({ productName: 'Cap', ...updater(key.publicKey, 'cap') });
    const sign = (file: string) => signInProcess(key, file, '1.2.0');
    await layOutBuild(project, 'windows', { product: 'Cap', version: '1.2.0', sign });
    await overlay(project, 'tauri.windows.conf.json', { plugins: { updater: { pubkey } } });
    return project;
  }

  test('are refused where an overlay sets another one, naming both and their files', async () => {
    const project = await builtForBoth(developmentKey.publicKey);
    const { code, document } = await publish(project);
    expect(code).toBe(2);
    for (const part of [
      publicKeyIdOf(key.publicKey),
      publicKeyIdOf(developmentKey.publicKey),
      'tauri.conf.json',
      'tauri.windows.conf.json',
    ])
      expect(document.error.message).toContain(part);
    const named = await publish(project, ['--embedded-pubkey', key.publicKey]);
    expect(named).toMatchObject({ code: 0, document: { status: 'published' } });
  });

  test('may be written in each overlay if they are the same', async () => {
    expect(await publish(await builtForBoth(key.publicKey))).toMatchObject({ code: 0 });
  });

  test('are not those of systems without files', async () => {
    const project = await built({ productName: 'Cap', ...updater(key.publicKey, 'cap') });
    const pubkey = developmentKey.publicKey;
    await overlay(project, 'tauri.windows.conf.json', { plugins: { updater: { pubkey } } });
    expect(await publish(project)).toMatchObject({ code: 0 });
  });

  test('are each one that its app can read', async () => {
    const { code, document } = await publish(await builtForBoth('no key'));
    expect(code).toBe(2);
    expect(document.error.message).toContain('tauri.windows.conf.json');
  });
});
