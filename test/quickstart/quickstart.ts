import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run, startServe } from '../support/process/binary.ts';
import { CEPH_PACKAGES, cephIsInstalled, startCeph, stopCeph } from '../support/s3/ceph.ts';
import { S3_ENVIRONMENT } from '../support/s3/s3-credentials.ts';
import { createBucket } from '../support/s3/shared-ceph.ts';
import { generateKey, signFile } from '../support/tauri/signer.ts';

/*
 * The main job from one end to the other, on this machine: a real server, a real key, real signatures, a real
 * publish over HTTP, and for each platform what an installed app would get. With `--storage s3` its files are in a real
 * S3 store, which is started for it.
 */

const VERSION = '1.1.0';
const INSTALLED = '1.0.0';
const SLUG = 'quickstart-app';

/** What `tauri build` would leave for each platform. */
const BUNDLES = [
  { target: 'darwin', arch: 'aarch64', file: 'Quickstart.app.tar.gz' },
  { target: 'linux', arch: 'x86_64', file: `Quickstart_${VERSION}_amd64.AppImage` },
  { target: 'windows', arch: 'x86_64', file: `Quickstart_${VERSION}_x64-setup.exe` },
] as const;

let steps = 0;

function step(text: string): void {
  steps += 1;
  console.log(`\n${steps}. ${text}`);
}

/** Shows the command as one would type it, runs it, and ends everything when it fails. */
async function synckitOta(args: string[], env: Record<string, string>, cwd: string) {
  console.log(`   $ synckit-ota ${args.map((arg) => (arg.includes(' ') ? `"${arg}"` : arg)).join(' ')}`);
  const { code, stdout, stderr } = await run(args, { env, cwd });
  if (code !== 0) throw new Error(`synckit-ota ${args[0]} ended with ${code}:\n${stderr}${stdout}`);
  return JSON.parse(stdout);
}

/** A real S3 store with one bucket. @returns what `serve` needs to keep its files there */
async function startStore(folder: string): Promise<string[]> {
  if (!cephIsInstalled) {
    throw new Error(
      `--storage s3 needs Ceph: apt-get install --no-install-recommends ${CEPH_PACKAGES.join(' ')}`,
    );
  }
  step("Start an S3 store: Ceph's gateway, on this machine and in its memory.");
  await mkdir(folder);
  const url = await startCeph(folder);
  await createBucket(url, 'quickstart');
  console.log(`   listening at ${url}, with an empty bucket`);
  return ['--storage', 's3://quickstart/updates', '--s3-endpoint', url, '--s3-force-path-style'];
}

async function quickstart(folder: string, storage: readonly string[]): Promise<void> {
  step(`Start a server: SQLite in a folder, and ${storage.length > 0 ? 'files in the bucket' : 'disk'}.`);
  const data = join(folder, 'data');
  const server = await startServe(data, storage);
  console.log(`   $ ${['synckit-ota serve --port 0 --data-dir data', ...storage].join(' ')}`);
  console.log(`   listening at ${server.url}`);
  try {
    step('Create an app in it. Its publish token is shown this once.');
    const created = ['apps', 'create', 'Quickstart', '--data-dir', 'data', '--json'];
    const app = await synckitOta(created, {}, folder);
    console.log(`   app ${app.id}, token ${app.token.slice(0, 8)}…`);
    const env = { SYNCKIT_OTA_SERVER: server.url, SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: app.token };

    step("Make a key with Tauri's own signer, and sign a bundle for each of three platforms.");
    const key = await generateKey(folder);
    await writeFile(join(folder, 'app.pub'), key.publicKey);
    for (const { file } of BUNDLES) {
      await writeFile(join(folder, file), randomBytes(256 * 1024));
      await signFile(key, join(folder, file), { appVersion: VERSION });
      console.log(`   ${file} and ${file}.sig`);
    }

    step('Publish them: everything is checked first, and verified afterwards.');
    const artifacts = BUNDLES.flatMap(({ target, arch, file }) => [
      '--artifact',
      `${target}-${arch}=${file}`,
    ]);
    const publish = [
      'publish',
      '--version',
      VERSION,
      '--slug',
      SLUG,
      '--notes',
      'First update.',
      '--pubkey',
      'app.pub',
    ];
    const published = await synckitOta([...publish, ...artifacts, '--json'], env, folder);
    for (const { target, arch, action, verified } of published.artifacts) {
      console.log(`   ${target}-${arch}: ${action}${verified ? ', and served as it was signed' : ''}`);
    }

    step(`Ask as an installed ${INSTALLED} would, on each platform: download, and verify the signature.`);
    for (const { target, arch } of BUNDLES) {
      const installed = ['--slug', SLUG, '--target', target, '--arch', arch, '--current-version', INSTALLED];
      const check = ['check', ...installed, '--download', '--pubkey', 'app.pub', '--json'];
      const { version, download } = await synckitOta(check, env, folder);
      if (version !== VERSION || download?.signature_valid !== true) {
        throw new Error(`${target}-${arch} was not offered a valid ${VERSION}`);
      }
      console.log(`   ${INSTALLED} -> ${version}: ${download.size} bytes, signature valid`);
    }

    step('Publish the same files again: nothing is uploaded.');
    const again = await synckitOta([...publish, ...artifacts, '--json'], env, folder);
    console.log(`   ${again.status}`);
  } finally {
    await server.stop();
  }
  console.log('\nDone: three platforms updated, each with its own verified signature.');
}

const { values } = parseArgs({ options: { storage: { type: 'string', default: 'disk' } } });
if (!['disk', 's3'].includes(values.storage)) throw new Error('--storage is disk or s3');
const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-quickstart-'));
const store = join(folder, 'ceph');
Object.assign(process.env, S3_ENVIRONMENT);
try {
  await quickstart(folder, values.storage === 's3' ? await startStore(store) : []);
} finally {
  await stopCeph(store);
  await rm(folder, { recursive: true, force: true });
}
