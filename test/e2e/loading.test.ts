import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BINARY, run, startServe } from '../support/process/binary.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { checkLinux, publishLinux, runJson, startWorld, writeBundle } from '../support/publish/world.ts';
import { fakeS3Place } from '../support/s3/s3-place.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RECORDER = pathToFileURL(join(ROOT, 'test/support/process/record-loads.mjs')).href;

/** Packages that only a server needs. */
const SERVER_ONLY = ['better-sqlite3', 'fastify', 'kysely', 'pino'];
const AWS_SDK = '@aws-sdk/client-s3';
const NEVER_BY_CLIENTS = [...SERVER_ONLY, AWS_SDK, '@aws-sdk/s3-request-presigner', 'pg'];

interface Metafile {
  readonly outputs: Readonly<Record<string, { readonly inputs: Readonly<Record<string, object>> }>>;
}

/** The packages that were loaded: bundled into a chunk of dist, or separately. */
async function packagesIn(loadedModules: string): Promise<Set<string>> {
  const { outputs }: Metafile = JSON.parse(await readFile(join(ROOT, 'dist/metafile-esm.json'), 'utf8'));
  const loaded = (await readFile(loadedModules, 'utf8')).trim().split('\n');
  const chunks = loaded.filter((url) => url.includes('/dist/')).map((url) => `dist/${basename(url)}`);
  expect(chunks).toContain('dist/main.js');
  const files = [...loaded, ...chunks.flatMap((chunk) => Object.keys(outputs[chunk]?.inputs ?? {}))];
  return new Set(
    files
      .map((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1])
      .filter((name) => name !== undefined),
  );
}

/** What all commands are declared with. */
const HELP = ['@commander-js/extra-typings', 'commander', 'fastest-levenshtein', 'pretty-bytes'];

describe('what is loaded', () => {
  test.each([
    ['publish', (file: string) => publishLinux('1.2.0', file), 'undici'],
    ['check', () => checkLinux('1.1.0'), 'undici'],
  ])('%s loads no package that only a server needs', async (command, args, used) => {
    const world = await startWorld(['--public-url', 'http://127.0.0.1:1']);
    if (command === 'check') await world.run(['publish', 'slug', 'my-app']);
    const file = await writeBundle(world.folder, 'App.AppImage');
    const log = join(world.folder, 'loaded');
    const env = { NODE_OPTIONS: `--import=${RECORDER}`, LOADED_MODULES: log };
    const dryRun = command === 'publish' ? ['--dry-run'] : [];
    const { code, stderr } = await world.run([...args(file), ...dryRun], { env });
    expect(code, stderr).toBe(0);
    const packages = await packagesIn(log);
    expect(packages).toContain(used);
    for (const name of NEVER_BY_CLIENTS) expect(packages).not.toContain(name);
  });

  test.each([
    ['--version', []],
    ['serve --help', HELP],
    ['copy --help', HELP],
  ])('%s loads only the packages %j', async (words, expected) => {
    const log = join(await tempFolder(), 'loaded');
    const env = { NODE_OPTIONS: `--import=${RECORDER}`, LOADED_MODULES: log };
    expect(await run(words.split(' '), { env })).toMatchObject({ code: 0 });
    expect([...(await packagesIn(log))].sort()).toEqual(expected);
  });

  test('serve loads those packages, so the check above would notice them', async () => {
    const folder = await tempFolder();
    const log = join(folder, 'loaded');
    const env = { NODE_OPTIONS: `--import=${RECORDER}`, LOADED_MODULES: log };
    const server = await startServe(join(folder, 'data'), [], { env });
    expect(await server.stop()).toBe(0);
    const packages = await packagesIn(log);
    expect([...packages]).toEqual(expect.arrayContaining(SERVER_ONLY));
    expect([...packages], 'there is no PostgreSQL here').not.toContain('pg');
    expect([...packages], 'its files are on disk').not.toContain(AWS_SDK);
  });

  test('serve loads the AWS SDK if its files are in a bucket', async () => {
    const folder = await tempFolder();
    const log = join(folder, 'loaded');
    const env = { NODE_OPTIONS: `--import=${RECORDER}`, LOADED_MODULES: log };
    const { endpoint, location } = await fakeS3Place();
    const storage = [
      '--storage',
      `s3://${location.bucket}`,
      '--s3-endpoint',
      endpoint,
      '--s3-force-path-style',
    ];
    const server = await startServe(join(folder, 'data'), storage, { env });
    expect(await server.stop()).toBe(0);
    expect(await packagesIn(log)).toContain(AWS_SDK);
  });
});

describe('without node_modules', () => {
  async function installWithoutModules(): Promise<string> {
    const folder = join(await tempFolder(), 'installed');
    await mkdir(folder);
    for (const part of ['bin', 'dist', 'package.json']) {
      await cp(join(ROOT, part), join(folder, part), { recursive: true });
    }
    return join(folder, 'bin', basename(BINARY));
  }

  test('publish and check still work', async () => {
    const binary = await installWithoutModules();
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage');
    const published = await world.runJson(publishLinux('1.2.0', file), { binary });
    expect(published, published.stderr).toMatchObject({ code: 0, document: { status: 'published' } });
    expect(await world.runJson(checkLinux('1.1.0', '--download'), { binary })).toMatchObject({
      code: 0,
      document: { update: true },
    });
  });

  test.each([
    ['serve', ['serve', '--port', '0', '--data-dir', 'data']],
    ['apps create', ['apps', 'create', 'My App']],
    ['dev', ['dev']],
  ])('%s reports in one sentence what is missing', async (_, args) => {
    const binary = await installWithoutModules();
    const { code, stderr } = await run(args, { binary, cwd: await tempFolder() });
    expect(code).toBe(9);
    expect(stderr).toMatch(/^error: .*better-sqlite3 is missing.*\.\n {2}.*install.*\n$/);
  });
});

test('a Node.js version that is too old is reported', async () => {
  const folder = await tempFolder();
  const pretend = join(folder, 'pretend.cjs');
  await writeFile(pretend, "Object.defineProperty(process, 'versions', { value: { node: '20.18.3' } });");
  const env = { NODE_OPTIONS: `--require=${pretend}` };
  const { code, stdout, stderr } = await run(['--version'], { env });
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toBe(
    'error: synckit-ota needs Node 22.19 or later; this is 20.18.3. Install a newer Node.\n',
  );
  expect(await runJson(['publish'], { env })).toMatchObject({
    code: 2,
    document: {
      error: {
        code: 'usage',
        message: 'synckit-ota needs Node 22.19 or later; this is 20.18.3',
        hint: 'Install a newer Node.',
        retryable: false,
      },
    },
  });
});
