import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { listenHttp } from '../../support/network/loopback-server.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { openTestServer, type TestServer } from '../../support/server/server.ts';
import { generateKey, type SigningKey, signFile } from '../../support/tauri/signer.ts';
import { changeConfig, layOutBuild, SAMPLE, updaterFor, write } from '../../support/tauri/tauri-project.ts';

/*
 * `publish` in a Tauri project's folder, with nothing said but server, app and token: a real project, bundles as
 * `tauri build` leaves them on three systems, real signatures, a real server.
 */

let folder: string;
/** The project as it was built and signed; every test works on a copy. */
let built: string;
let key: SigningKey;
let otherKey: SigningKey;
let server: TestServer;
let url: string;
let app: { id: string; token: string };
let written: { stdout: string; stderr: string };

const MAC = 'src-tauri/target/universal-apple-darwin/release/bundle/macos/Note Taker.app.tar.gz';
const LINUX = 'src-tauri/target/release/bundle/appimage/Note Taker_1.2.0_amd64.AppImage';
const LINUX_DEB = 'src-tauri/target/release/bundle/deb/Note Taker_1.2.0_amd64.deb';
const LINUX_RPM = 'src-tauri/target/release/bundle/rpm/Note Taker-1.2.0-1.x86_64.rpm';
const WINDOWS = 'src-tauri/target/x86_64-pc-windows-msvc/release/bundle/nsis/Note Taker_1.2.0_x64-setup.exe';
const WINDOWS_MSI =
  'src-tauri/target/x86_64-pc-windows-msvc/release/bundle/msi/Note Taker_1.2.0_x64_en-US.msi';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'synckit-ota-test-'));
  [key, otherKey] = await Promise.all([generateKey(folder, 'app'), generateKey(folder, 'other')]);
  built = join(folder, 'note-taker');
  await cp(SAMPLE, built, { recursive: true });
  const sign = (file: string) => signFile(key, file, { appVersion: '1.2.0' });
  await layOutBuild(built, 'linux', { sign });
  await layOutBuild(built, 'windows', { triple: 'x86_64-pc-windows-msvc', sign });
  await layOutBuild(built, 'darwin', {
    triple: 'universal-apple-darwin',
    archs: ['x86_64', 'aarch64'],
    sign,
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

beforeEach(async () => {
  server = await openTestServer(await mkdtemp(join(folder, 'server-')));
  ({ url } = await server.listen());
  app = await server.createApp();
  written = { stdout: '', stderr: '' };
  for (const name of Object.keys(process.env)) {
    if (/^(SYNCKIT_OTA_|CARGO_)/.test(name)) vi.stubEnv(name, undefined);
  }
  vi.stubEnv('SYNCKIT_OTA_SERVER', url);
  vi.stubEnv('SYNCKIT_OTA_APP', app.id);
  vi.stubEnv('SYNCKIT_OTA_TOKEN', app.token);
  for (const name of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += String(text);
      return true;
    });
  }
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await server.close();
});

/** The project with an endpoint that leads to a server, which is on plain http here. */
async function setPubkey(project: string, pubkey: string | undefined, server = url): Promise<void> {
  await changeConfig(project, { plugins: { updater: updaterFor(server, { pubkey }) } });
}

async function copyBuilt(): Promise<string> {
  const project = join(await tempFolder(), 'note-taker');
  await cp(built, project, { recursive: true });
  await setPubkey(project, key.publicKey);
  return project;
}

/** Publishes the project. @returns the exit code, and the JSON on stdout */
async function publish(project: string, ...args: string[]) {
  const { CARGO_TARGET_DIR } = process.env;
  const words = ['publish', '--project', project, '--json', ...args];
  const code = await main(['node', 'synckit-ota', ...words], { CARGO_TARGET_DIR });
  return { code, answer: JSON.parse(written.stdout) };
}

/** What an installed app of a platform is offered. */
async function offer(platform: string, { slug = 'note-taker', bundleType = '' } = {}) {
  const query = bundleType && `?bundle_type=${bundleType}`;
  const answer = await fetch(`${url}/api/sync/ota/${slug}/${platform}/1.0.0${query}`);
  return answer.status === 200
    ? ((await answer.json()) as { version: string; signature: string; notes: string })
    : null;
}

/** The releases the server has: what is refused leaves none. */
async function releases(): Promise<unknown[]> {
  const headers = { authorization: `Bearer ${app.token}` };
  const answer = await fetch(`${url}/api/sync/ota/apps/${app.id}/releases`, { headers });
  const body = (await answer.json()) as { releases?: unknown[] } | unknown[];
  return Array.isArray(body) ? body : (body.releases ?? []);
}

/** A signature as the server has to hand it out. */
async function signatureOf(project: string, file: string): Promise<string> {
  return (await readFile(join(project, `${file}.sig`), 'utf8')).trim();
}

describe('publish in the folder of a Tauri project', () => {
  test('publishes the builds of all systems, under the slug and version of the project', async () => {
    const project = await copyBuilt();
    const { code, answer } = await publish(project);
    expect(written.stderr).toMatch(/verified: served file matches/);
    expect(written.stderr).toMatch(/\/note-taker\/\{\{target\}\}.* will lead to this app/);
    expect(code).toBe(0);
    expect(answer).toMatchObject({ status: 'published', release: { version: '1.2.0' }, warnings: [] });
    expect(await releases()).toHaveLength(1);
    const rows = answer.artifacts.map(
      ({ target, arch, bundle_type, file, verified }: Record<string, unknown>) => [
        `${target}/${arch}`,
        bundle_type,
        file,
        verified,
      ],
    );
    expect(rows.sort()).toEqual([
      ['darwin/aarch64', 'app', join(project, MAC), true],
      ['darwin/x86_64', 'app', join(project, MAC), true],
      ['linux/x86_64', 'appimage', join(project, LINUX), true],
      ['linux/x86_64', 'deb', join(project, LINUX_DEB), true],
      ['linux/x86_64', 'rpm', join(project, LINUX_RPM), true],
      ['windows/x86_64', 'msi', join(project, WINDOWS_MSI), true],
      ['windows/x86_64', 'nsis', join(project, WINDOWS), true],
    ]);
    for (const [platform, bundleType, file] of rows) {
      expect(await offer(platform, { bundleType })).toMatchObject({
        version: '1.2.0',
        signature: (await readFile(`${file}.sig`, 'utf8')).trim(),
        notes: '### Added\n\n- Notes can be pinned.',
      });
    }
  });

  test('lists the files it leaves out, and why', async () => {
    const project = await copyBuilt();
    await write(join(project, 'src-tauri/target/debug/bundle/deb/Note Taker_1.2.0_amd64.deb'), 'debug');
    await publish(project);
    for (const words of [
      /left out: .*universal\.dmg \(a \.dmg is for first installations, not updates\)/,
      /left out: .*debug\/bundle \(debug builds are never published\)/,
    ]) {
      expect(written.stderr).toMatch(words);
    }
  });

  test('to a server with one file per platform chooses one, and lists the others', async () => {
    const base = await listenHttp((request, response) => {
      const body = { '/api/sync/ota': null }[request.url ?? ''] === null ? undefined : '[]';
      response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(body);
    });
    vi.stubEnv('SYNCKIT_OTA_SERVER', base.href);
    const project = await copyBuilt();
    const { code, answer } = await publish(project, '--dry-run');
    // Four files of different signatures are more than such a server can hold; that is reported after the choice.
    expect([code, answer.error.message]).toEqual([4, expect.stringContaining('the 4 files have 3')]);
    await rm(join(project, 'src-tauri/target/universal-apple-darwin'), { recursive: true });
    await rm(join(project, 'src-tauri/target/x86_64-pc-windows-msvc'), { recursive: true });
    written = { stdout: '', stderr: '' };
    const linux = await publish(project, '--dry-run');
    expect(linux.answer.artifacts).toMatchObject([
      { target: 'linux', bundle_type: null, file: join(project, LINUX) },
    ]);
    for (const words of [
      /left out: .*amd64\.deb \(Note Taker_1\.2\.0_amd64\.AppImage is published for linux-x86_64\)/,
      /left out: .*x86_64\.rpm \(Note Taker_1\.2\.0_amd64\.AppImage is published for linux-x86_64\)/,
    ]) {
      expect(written.stderr).toMatch(words);
    }
  });

  test('pains 5: changes nothing when it runs again', async () => {
    const project = await copyBuilt();
    await publish(project);
    written.stdout = '';
    expect(await publish(project)).toMatchObject({ code: 0, answer: { status: 'unchanged' } });
  });

  test('prefers slug, notes and key from the command line', async () => {
    const project = await copyBuilt();
    await setPubkey(project, 'no key at all');
    const given = ['--slug', 'other-slug', '--notes', 'Mine.', '--pubkey', key.publicKey];
    expect((await publish(project, ...given)).code).toBe(4); // the build asks for the project's slug
    written.stdout = '';
    expect((await publish(project, ...given, '--allow-endpoint-mismatch')).code).toBe(0);
    expect(await offer('linux/x86_64', { slug: 'other-slug' })).toMatchObject({ notes: 'Mine.' });
    expect(await offer('linux/x86_64')).toBeNull();
  });

  test('field 6: takes the notes from a changelog that lies above in the repository, in any spelling', async () => {
    const project = await copyBuilt();
    await rm(join(project, 'CHANGELOG.md'));
    await write(
      join(project, '../Changelog.md'),
      '# Log\n\n## \\[1.2.0]\n\n- good\n\n## \\[1.1.0]\n\n- old\n',
    );
    await write(join(project, '../.git'), 'gitdir: elsewhere\n');
    const { code, answer } = await publish(project);
    expect(code).toBe(0);
    expect(answer.release.notes).toBe('- good');
  });

  test('field 6: warns in a dry run that the changelog lacks the version, and names the nearest', async () => {
    const project = await copyBuilt();
    await write(join(project, 'CHANGELOG.md'), '## Unreleased\n- a\n\n## 1.1.0\n- b\n');
    const { code, answer } = await publish(project, '--dry-run');
    expect(code).toBe(0);
    expect(answer.notes).toBeUndefined();
    expect(answer.warnings).toContainEqual(expect.stringMatching(/CHANGELOG\.md.*1\.2\.0.*1\.1\.0/));
  });

  test('field 6: refuses a changelog in another encoding, unless the notes are given', async () => {
    const project = await copyBuilt();
    await writeFile(join(project, 'CHANGELOG.md'), Buffer.from('## 1.2.0\n\u00e4\n', 'latin1'));
    expect(await publish(project, '--dry-run')).toMatchObject({ code: 2 });
    expect(await releases()).toEqual([]);
    written.stdout = '';
    expect(await publish(project, '--notes', 'Mine.')).toMatchObject({ code: 0 });
  });

  test('field 6: refuses a binary signature, which Tauri cannot read, before anything is created', async () => {
    const project = await copyBuilt();
    await setPubkey(project, undefined);
    await writeFile(join(project, `${LINUX}.sig`), Buffer.from('f1'.repeat(64), 'hex'));
    expect(await publish(project)).toMatchObject({ code: 4 });
    expect(await releases()).toEqual([]);
  });

  test('discovers nothing when files are listed', async () => {
    const project = await copyBuilt();
    const named = [
      '--version',
      '1.2.0',
      '--slug',
      'named',
      '--artifact',
      `linux-x86_64=${join(project, LINUX)}`,
    ];
    const { code, answer } = await publish(project, ...named);
    expect(code).toBe(0);
    expect(answer.artifacts).toHaveLength(1);
    expect(answer.release.notes ?? '').toBe('');
    expect(await offer('linux/x86_64')).toBeNull();
  });

  test('discovers nothing when the config file has file patterns', async () => {
    const project = await copyBuilt();
    const config = { slug: 'configured', artifacts: { 'windows-x86_64': WINDOWS_MSI } };
    await writeFile(join(project, 'synckit-ota.config.json'), JSON.stringify(config));
    const { code, answer } = await publish(project, '--version', '1.2.0');
    expect(code).toBe(0);
    expect(answer.artifacts).toEqual([expect.objectContaining({ file: join(project, WINDOWS_MSI) })]);
    expect(await offer('windows/x86_64', { slug: 'configured' })).not.toBeNull();
    expect(await offer('windows/x86_64')).toBeNull();
  });

  test('warns if there is no key to check signatures with', async () => {
    const project = await copyBuilt();
    await setPubkey(project, undefined);
    const { answer } = await publish(project, '--dry-run');
    expect(answer.warnings).toEqual([expect.stringContaining('signatures were not checked')]);
  });

  test('finds builds in CARGO_TARGET_DIR', async () => {
    const project = await copyBuilt();
    const elsewhere = join(project, 'elsewhere');
    await cp(join(project, 'src-tauri/target'), elsewhere, { recursive: true });
    await rm(join(project, 'src-tauri/target'), { recursive: true });
    vi.stubEnv('CARGO_TARGET_DIR', elsewhere);
    expect((await publish(project, '--dry-run')).answer.artifacts).toHaveLength(7);
  });

  test('outside of a project names both ways to fix it, with all other errors', async () => {
    const project = await tempFolder();
    const { code, answer } = await publish(project, '--concurrency', '0');
    expect(code).toBe(2);
    expect(answer.error.message).toContain(`no Tauri project found in ${project}`);
    expect(answer.error.message).toContain('--artifact TARGET-ARCH=FILE');
    expect(answer.error.message).toContain('--concurrency 0');
    expect(answer.error.message).not.toContain('no version');
  });

  test('with an invalid public key is rejected, and the error names its file', async () => {
    const project = await copyBuilt();
    await setPubkey(project, 'YOUR KEY HERE');
    const { code, answer } = await publish(project);
    expect(code).toBe(2);
    expect(answer.error.message).toMatch(
      /plugins\.updater\.pubkey in .*tauri\.conf\.json is not a minisign public key/,
    );
  });
});

/** Each of these reached users of another publisher. Here nothing is created, and the words say what to do. */
describe('problems of other tools are refused before the first write:', () => {
  async function refused(project: string, ...args: string[]) {
    const { code, answer } = await publish(project, ...args);
    expect(await releases()).toEqual([]);
    return { code, words: `${answer.error.message} ${answer.error.hint ?? ''}` };
  }

  test('pains 1: a release with a platform missing, because its build was not signed', async () => {
    const project = await copyBuilt();
    for (const file of [WINDOWS, WINDOWS_MSI]) await rm(join(project, `${file}.sig`));
    const { code, words } = await refused(project);
    expect(code).toBe(2);
    expect(words).toMatch(/there is no \.sig for .*x64-setup\.exe, .*TAURI_SIGNING_PRIVATE_KEY/);
  });

  test('pains 2: a project without a build', async () => {
    const project = await copyBuilt();
    await rm(join(project, 'src-tauri/target'), { recursive: true });
    const { code, words } = await refused(project);
    expect(code).toBe(2);
    expect(words).toMatch(/no signed bundle of Note Taker 1\.2\.0 found in .*`tauri build`/);
  });

  test('pains 2: a build with another version than the project', async () => {
    const project = await copyBuilt();
    await writeFile(join(project, 'package.json'), '{"version":"1.3.0"}');
    const { code, words } = await refused(project);
    expect(code).toBe(2);
    expect(words).toMatch(/no signed bundle of Note Taker 1\.3\.0 .*Found 1\.2\.0 instead/);
  });

  test('pains 2: createUpdaterArtifacts turned off', async () => {
    const project = await copyBuilt();
    await changeConfig(project, { bundle: { active: true } });
    const sigs = (await readdir(project, { recursive: true })).filter((file) => file.endsWith('.sig'));
    for (const file of sigs) await rm(join(project, file));
    await rm(join(project, MAC));
    const { code, words } = await refused(project);
    expect(code).toBe(2);
    expect(words).toContain('because bundle.createUpdaterArtifacts is off');
    expect(words).toContain('Set bundle.createUpdaterArtifacts to true');
  });

  test('pains 3: a signature by another key than the others, with both key ids', async () => {
    const project = await copyBuilt();
    await signFile(otherKey, join(project, LINUX), { appVersion: '1.2.0' });
    const { code, words } = await refused(project);
    expect(code).toBe(4);
    expect(words).toMatch(/AppImage with \w{16}; .*\.deb.* with \w{16} Sign all files/);
  });

  test('field 1: signatures by another key than the app carries, with both key ids', async () => {
    const project = await copyBuilt();
    await setPubkey(project, otherKey.publicKey);
    const { code, words } = await refused(project);
    expect(code).toBe(4);
    expect(words).toMatch(/signed with key \w{16}, but the build's public key is \w{16} \(plugins/);
    expect(words).toContain('--pubkey');
  });

  test('pains 3: the signature of another file', async () => {
    const project = await copyBuilt();
    await writeFile(join(project, `${LINUX}.sig`), await signatureOf(project, MAC));
    const { code, words } = await refused(project);
    expect(code).toBe(4);
    expect(words).toMatch(/AppImage\.sig .* belongs to a different file/);
  });

  test('pains 3: a file that was code-signed after its signature was made', async () => {
    const project = await copyBuilt();
    const file = join(project, WINDOWS);
    await writeFile(file, Buffer.concat([await readFile(file), Buffer.from('certificate')]));
    const { code, words } = await refused(project);
    expect(code).toBe(4);
    expect(words).toMatch(/x64-setup\.exe\.sig .* belongs to a different file/);
  });

  test('pains 3: a path pasted as signature', async () => {
    const project = await copyBuilt();
    await writeFile(join(project, `${LINUX}.sig`), `${LINUX}.sig`);
    const { code, words } = await refused(project);
    expect(code).toBe(4);
    expect(words).toMatch(/AppImage\.sig is not base64/);
  });

  test('pains 6: a bundle of the wrong arch, together with errors in other files', async () => {
    const project = await copyBuilt();
    const bytes = await readFile(join(project, LINUX));
    bytes.writeUInt16LE(183, 18); // aarch64
    await writeFile(join(project, LINUX), bytes);
    await writeFile(join(project, `${WINDOWS}.sig`), await signatureOf(project, MAC));
    const { code, words } = await refused(project);
    expect(code).toBe(4);
    expect(words).toMatch(/AppImage is mislabelled: its name says x86_64, its header says aarch64/);
    expect(words).toMatch(/x64-setup\.exe\.sig .* belongs to a different file/);
  });

  test('pains 8: a version that is not semver', async () => {
    const project = await copyBuilt();
    await changeConfig(project, { version: '0.44.0.5' });
    const { code, words } = await refused(project);
    expect(code).toBe(2);
    expect(words).toMatch(/version "0\.44\.0\.5" in .*tauri\.conf\.json is not strict semver/);
  });

  test('pains 8: a pre-release that would be offered to everyone', async () => {
    const project = await copyBuilt();
    await changeConfig(project, { version: '1.3.0-beta.1' });
    const sign = (file: string) => signFile(key, file, { appVersion: '1.3.0-beta.1' });
    await layOutBuild(project, 'linux', { version: '1.3.0-beta.1', sign });
    const { code, words } = await refused(project);
    expect(code).toBe(4);
    expect(words).toMatch(/1\.3\.0-beta\.1 is a pre-release/);
    expect(words).toContain('--allow-prerelease');
  });
});

describe('problems of other tools do not occur:', () => {
  test('pains 6: bundles of a cargo workspace are found', async () => {
    const project = await copyBuilt();
    await cp(join(project, 'src-tauri/target'), join(project, 'target'), { recursive: true });
    await rm(join(project, 'src-tauri/target'), { recursive: true });
    await write(join(project, 'Cargo.toml'), '[workspace]\nmembers = ["src-tauri"]\n');
    expect((await publish(project, '--dry-run')).answer.artifacts).toHaveLength(7);
  });

  test('pains 3: a newline at the end of a signature is removed', async () => {
    const project = await copyBuilt();
    const signature = await signatureOf(project, LINUX);
    await writeFile(join(project, `${LINUX}.sig`), `${signature}\n`);
    expect((await publish(project)).code).toBe(0);
    expect((await offer('linux/x86_64'))?.signature).toBe(signature);
  });
});
