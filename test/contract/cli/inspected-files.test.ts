import { spawnSync } from 'node:child_process';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { appImage, fatMachO, machO, windowsProgram } from '../../support/process/executables.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { openTestServer } from '../../support/server/server.ts';
import { tarGz } from '../../support/tauri/archives.ts';
import { release } from '../../support/tauri/discover-in-short.ts';
import { generateKeyInProcess, signInProcess } from '../../support/tauri/in-process-signer.ts';
import { debianPackage } from '../../support/tauri/packages.ts';
import {
  changeConfig,
  copyProject,
  layOutBuild,
  updaterFor,
  write,
} from '../../support/tauri/tauri-project.ts';

/*
 * What is refused, left out or accepted because of a file's name, path, bytes or signature, on a real server.
 */

/** Server, app and token. */
let env: Record<string, string>;
/** Where commands run: no Tauri project. */
let folder: string;

beforeEach(async () => {
  const server = await openTestServer(await tempFolder());
  onTestFinished(() => server.close());
  const { url } = await server.listen();
  const { id, token } = await server.createApp();
  env = { SYNCKIT_OTA_SERVER: url, SYNCKIT_OTA_APP: id, SYNCKIT_OTA_TOKEN: token };
  folder = await tempFolder();
});

/** With an endpoint that leads to the server. */
const ownUpdater = (fields: Parameters<typeof updaterFor>[1] = { slug: 'my-app' }) =>
  updaterFor(env.SYNCKIT_OTA_SERVER ?? '', fields);

const TO_MY_APP = ['--version', '1.2.0', '--slug', 'my-app'];

/** `publish` with these files and options, its document and what it printed for people. */
async function publish(args: readonly string[], cwd = folder) {
  return runJsonInProcess(['publish', ...args], { env, cwd });
}

async function signed(path: string, content: Buffer | string, ending = '.sig'): Promise<string> {
  const file = await write(join(folder, path), content);
  await writeFile(`${file}${ending}`, 'signature');
  return path;
}

async function releases(): Promise<unknown[]> {
  const { document } = await runJsonInProcess(['releases', 'list'], { env });
  return document.releases ?? document;
}

const app = (program: Buffer) => tarGz({ 'X.app/Contents/MacOS/X': program });

describe('field 4: a file that contradicts what it is named for', () => {
  test.each([
    ['darwin-universal', 'X.app.tar.gz', app(machO('aarch64'))],
    ['darwin-aarch64', 'X_1.2.0_aarch64.dmg', Buffer.from('image')],
    ['linux-x86_64-appimage', 'X_1.2.0_aarch64.AppImage', appImage('aarch64')],
    ['linux-x86_64', 'x_1.1.0_amd64.deb', debianPackage({ name: 'x', version: '1.1.0' })],
    ['windows-x86_64', 'X.exe', windowsProgram('aarch64')],
  ])(
    'is refused as %s before anything is written, and --allow-mismatch allows it: %s',
    async (platform, name, content) => {
      await signed(name, content);
      const args = [...TO_MY_APP, '--artifact', `${platform}=${name}`];
      const refused = await publish(args);
      expect(refused).toMatchObject({ code: 4, document: { error: { code: 'preflight_refused' } } });
      expect(refused.document.error.message).toContain(`${name} is mislabelled`);
      expect(await releases()).toEqual([]);
      const { code, document } = await publish([...args, '--allow-mismatch']);
      expect(code).toBe(0);
      expect(document.status).toBe('published');
    },
  );

  test('is refused in the patterns of the config file too', async () => {
    await signed('dist/X-arm64.AppImage', appImage('aarch64'));
    const artifacts = { 'linux-x86_64': 'dist/*.AppImage' };
    await writeFile(join(folder, 'synckit-ota.config.json'), JSON.stringify({ artifacts }));
    expect(await publish(TO_MY_APP)).toMatchObject({ code: 4 });
    expect(await publish([...TO_MY_APP, '--allow-mismatch'])).toMatchObject({ code: 0 });
  });

  test('is refused by publish artifact, by the version of the release too', async () => {
    await runInProcess(['publish', 'slug', 'my-app'], { env });
    const { document: draft } = await runJsonInProcess(['publish', 'release', '--version', '1.3.0'], { env });
    const add = (file: string, ...more: string[]) =>
      runJsonInProcess(
        [
          'publish',
          'artifact',
          file,
          '--release',
          draft.id,
          '--target',
          'linux',
          '--arch',
          'x86_64',
          ...more,
        ],
        { env, cwd: folder },
      );
    const old = await signed('x_1.2.0_amd64.deb', debianPackage({ name: 'x' }));
    const arm = await signed('arm', appImage('aarch64'));
    for (const file of [old, arm]) expect(await add(file)).toMatchObject({ code: 4 });
    expect(await add(arm, '--allow-mismatch')).toMatchObject({ code: 0, document: { action: 'uploaded' } });
  });

  test('is reported with every other problem, each once', async () => {
    await signed('X.app.tar.gz', app(machO('aarch64')));
    await write(join(folder, 'X_1.1.0_amd64.deb'), 'unsigned');
    const files = [
      'darwin-universal=X.app.tar.gz',
      'linux-x86_64=X_1.1.0_amd64.deb',
      'windows-x86_64=gone.exe',
    ];
    const { code, document } = await publish([
      ...TO_MY_APP,
      ...files.flatMap((file) => ['--artifact', file]),
    ]);
    expect(code).toBe(2);
    const { message } = document.error;
    for (const words of [
      'darwin-x86_64 says x86_64',
      'its name says 1.1.0',
      '.deb.sig does not exist',
      'gone.exe does not exist',
    ]) {
      expect(message.split(words)).toHaveLength(2);
    }
  });
});

describe('field 4: a file of any framework is published without a flag when nothing contradicts it:', () => {
  test.each([
    ['linux-x86_64', 'my-tool-linux-x64', appImage('x86_64')],
    ['windows-aarch64', 'My App Setup.exe', windowsProgram('i686')],
    ['darwin-universal', 'X.app.tar.gz', app(fatMachO(['x86_64', 'aarch64']))],
    ['windows-x86_64', 'app-full.nupkg', Buffer.from('PK\x03\x04 not a zip after all')],
    ['linux-aarch64', 'update.bin', Buffer.from('anything')],
  ])('%s=%s', async (platform, name, content) => {
    await signed(name, content);
    expect(await publish([...TO_MY_APP, '--artifact', `${platform}=${name}`])).toMatchObject({ code: 0 });
  });
});

describe('field 4: without a Tauri project', () => {
  test.each<[string, string[]]>([
    ['nothing is given', []],
    ['a file has no signature', ['--artifact', 'linux-x86_64=unsigned.bin']],
    [
      'a signature is not one',
      ['--artifact', 'linux-x86_64=bad.bin', '--pubkey', generateKeyInProcess().publicKey],
    ],
    ['a file contradicts its platform', ['--artifact', 'linux-x86_64=arm']],
    ['the config file has a pattern for nothing', ['--project', 'configured']],
  ])('no message is about Tauri: %s', async (_, args) => {
    await write(join(folder, 'unsigned.bin'), 'x');
    await signed('bad.bin', 'x');
    await signed('arm', appImage('aarch64'));
    const artifacts = { 'linux-x86_64': 'gone-*' };
    await write(join(folder, 'configured/synckit-ota.config.json'), JSON.stringify({ artifacts }));
    const { code, stderr } = await runInProcess(['publish', ...TO_MY_APP, ...args], { env, cwd: folder });
    expect(code).not.toBe(0);
    expect(stderr).not.toMatch(/tauri\.conf|tauri build|createUpdaterArtifacts|tauri signer/);
  });
});

describe.skipIf(!isInstalled('minisign'))('field 4: a signature by minisign (needs minisign)', () => {
  /** Signs a file as its users do. @returns the public key's file */
  async function minisign(file: string, ...options: string[]): Promise<string> {
    const [key, secret] = [join(folder, 'key.pub'), join(folder, 'key')];
    const run = (args: string[]) => expect(spawnSync('minisign', args, { cwd: folder }).status).toBe(0);
    run(['-G', '-W', '-f', '-p', key, '-s', secret]);
    run(['-S', '-s', secret, '-m', file, ...options]);
    return key;
  }

  test('beside the file as FILE.minisig is sent in the form that every client verifies', async () => {
    await write(join(folder, 'tool'), appImage('x86_64'));
    const key = await minisign('tool', '-t', 'version:1.2.0');
    const args = [...TO_MY_APP, '--artifact', 'linux-x86_64=tool', '--pubkey', key];
    expect(await publish(args)).toMatchObject({
      code: 0,
      document: { warnings: [], artifacts: [{ verified: true }] },
    });
    const check = [
      'check',
      '--slug',
      'my-app',
      '--target',
      'linux',
      '--arch',
      'x86_64',
      '--current-version',
      '1.0.0',
    ];
    const { document } = await runJsonInProcess([...check, '--download', '--pubkey', key], { env });
    expect(document).toMatchObject({ update: true, download: { signature_valid: true } });
    const bare = await readFile(join(folder, 'tool.minisig'), 'utf8');
    expect(Buffer.from(document.signature, 'base64').toString()).toBe(bare);
    expect(await publish(args)).toMatchObject({ code: 0, document: { status: 'unchanged' } });
  });

  test.each(['\n', '\r\n'])('may be called FILE.sig, with lines that end in %j', async (newline) => {
    await write(join(folder, 'tool'), appImage('x86_64'));
    const key = await minisign('tool', '-x', 'tool.sig');
    const text = await readFile(join(folder, 'tool.sig'), 'utf8');
    await writeFile(join(folder, 'tool.sig'), text.replaceAll('\n', newline));
    expect(await publish([...TO_MY_APP, '--artifact', 'linux-x86_64=tool', '--pubkey', key])).toMatchObject({
      code: 0,
    });
  });

  test('of other bytes is refused', async () => {
    await write(join(folder, 'tool'), appImage('x86_64'));
    const key = await minisign('tool');
    await write(join(folder, 'tool'), Buffer.concat([appImage('x86_64'), Buffer.from('more')]));
    const { code, document } = await publish([
      ...TO_MY_APP,
      '--artifact',
      'linux-x86_64=tool',
      '--pubkey',
      key,
    ]);
    expect(code).toBe(4);
    expect(document.error.message).toContain('tool.minisig');
  });

  test('beside another one is refused, beside the same one accepted', async () => {
    await write(join(folder, 'tool'), appImage('x86_64'));
    const key = await minisign('tool');
    const args = [...TO_MY_APP, '--artifact', 'linux-x86_64=tool', '--pubkey', key];
    const text = await readFile(join(folder, 'tool.minisig'));
    await writeFile(join(folder, 'tool.sig'), 'another signature');
    const { code, document } = await publish(args);
    expect(code).toBe(2);
    expect(document.error.message).toMatch(/tool\.sig and tool\.minisig are different/);
    await writeFile(join(folder, 'tool.sig'), text.toString('base64'));
    expect(await publish(args)).toMatchObject({ code: 0 });
  });
});

describe('field 4: what is left out is printed', () => {
  async function renamedProject(): Promise<string> {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    const names = ['deb/Note Taker_1.2.0_amd64.deb', 'deb/notes.deb'] as const;
    for (const ending of ['', '.sig']) {
      await rename(release(project, names[0] + ending), release(project, names[1] + ending));
    }
    return project;
  }

  test('and is among the warnings of the document', async () => {
    const project = await renamedProject();
    await changeConfig(project, { plugins: { updater: ownUpdater() } });
    const { code, document } = await publish(['--project', project, '--slug', 'my-app', '--dry-run']);
    expect(code).toBe(0);
    expect(document.warnings).toContainEqual(
      expect.stringMatching(/^left out: .*notes\.deb \(.*rename it to/),
    );
  });

  test.each<[string, (project: string) => Promise<unknown>, string[]]>([
    ['a wrong option', async () => {}, ['--concurrency', '0']],
    ['a wrong signature', async () => {}, []],
    ['nothing to publish', (project) => changeConfig(project, { version: '2.0.0', plugins: {} }), []],
    ['a server that is away', async () => {}, ['--server', 'http://127.0.0.1:9', '--dry-run']],
  ])('also when the run fails, for %s', async (_, change, args) => {
    const project = await renamedProject();
    await change(project);
    const { code, stderr } = await runInProcess(['publish', '--project', project, ...args], { env });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/left out: .*notes\.deb/);
    expect(stderr.match(/left out: .*notes\.deb/g)).toHaveLength(1);
  });

  test('when a draft is refused, without a table of no files', async () => {
    const project = await copyProject();
    const { stderr } = await runInProcess(['publish', '--project', project, '--dry-run'], { env });
    expect(stderr).not.toMatch(/platform +file/i);
  });
});

describe('field 5: publish --bundles', () => {
  test('takes files from there, and version, key, slug and notes from the project', async () => {
    const key = generateKeyInProcess();
    const updater = ownUpdater({ pubkey: key.publicKey, slug: 'note-taker' });
    const project = await copyProject({ plugins: { updater } });
    const sign = (file: string) => signInProcess(key, file);
    const jobs = await tempFolder();
    await layOutBuild(project, 'linux', { targetFolder: join(jobs, 'linux'), sign });
    for (const arch of ['x86_64', 'aarch64'] as const) {
      await layOutBuild(project, 'darwin', { targetFolder: join(jobs, arch), archs: [arch], sign });
    }
    const { code, document } = await publish(
      ['--project', project, '--bundles', 'linux', '--bundles', 'x86_64', '--bundles', 'aarch64'],
      jobs,
    );
    expect(code).toBe(0);
    expect(document.artifacts).toHaveLength(5);
    expect(document.artifacts.every(({ verified }: { verified: boolean }) => verified)).toBe(true);
    expect(document.release).toMatchObject({ version: '1.2.0', notes: expect.stringMatching(/./) });
    expect(document.warnings).toEqual([]);
  });

  test('cannot be combined with --artifact', async () => {
    const { code, document } = await publish([
      ...TO_MY_APP,
      '--bundles',
      '.',
      '--artifact',
      'linux-x86_64=x',
    ]);
    expect(code).toBe(2);
    expect(document.error.message).toContain('--artifact and --bundles cannot be used together');
  });

  test('names a folder that does not exist', async () => {
    const { code, document } = await publish(['--project', await copyProject(), '--bundles', 'gone']);
    expect(code).toBe(2);
    expect(document.error.message).toContain('--bundles gone does not exist');
  });
});

describe('field 4: publish --allow-unsigned-kind', () => {
  test('publishes without the kind that has no signature, and says who gets what', async () => {
    const project = await copyProject({ plugins: { updater: ownUpdater() } });
    const files = await layOutBuild(project, 'linux');
    await rm(`${files['Note Taker_1.2.0_amd64.deb']}.sig`);
    const args = ['--project', project, '--slug', 'my-app'];
    const refused = await publish(args);
    expect(refused.code).toBe(4);
    expect(refused.document.error.message).toContain(
      'another kind of bundle for the same platform is signed',
    );
    expect(await releases()).toEqual([]);
    const { code, document } = await publish([...args, '--allow-unsigned-kind']);
    expect(code).toBe(0);
    expect(document.artifacts).toHaveLength(2);
    expect(document.warnings).toContainEqual(expect.stringContaining('offered another kind'));
  });
});
