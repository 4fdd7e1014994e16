import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { OtaClient } from '../../../src/client/ota-client.ts';
import { setApproval, setRequireBoundSignatures } from '../../../src/database/queries/apps.ts';
import { deleteRelease } from '../../../src/database/queries/releases.ts';
import { listenHttp } from '../../support/network/loopback-server.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { by } from '../../support/server/by.ts';
import { openTestServer, type TestServer } from '../../support/server/server.ts';
import { generateKey, type SigningKey, signFile } from '../../support/tauri/signer.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

let server: TestServer;
let folder: string;
let key: SigningKey;
/** Server, app and token, without the key. */
let env: Record<string, string>;
let signing: Record<string, string>;
let url: string;

beforeEach(async () => {
  folder = await tempFolder();
  key = await generateKey(folder);
  server = await openTestServer(await tempFolder());
  onTestFinished(() => server.close());
  url = (await server.listen()).url;
  const { id, token } = await server.createApp({ slug: 'my-app', pubkey: key.publicKey });
  env = { SYNCKIT_OTA_SERVER: url, SYNCKIT_OTA_APP: id, SYNCKIT_OTA_TOKEN: token };
  signing = {
    TAURI_SIGNING_PRIVATE_KEY: key.privateKey,
    TAURI_SIGNING_PRIVATE_KEY_PASSWORD: key.password,
  };
});

async function signedFile(name: string, version: string): Promise<string> {
  const file = join(folder, version, name);
  await mkdir(join(folder, version), { recursive: true });
  await writeFile(file, randomBytes(5000));
  await signFile(key, file, { appVersion: version });
  return file;
}

async function publish(version: string, args: readonly string[] = [], extra = signing) {
  const file = await signedFile('app.bin', version);
  const all = ['--version', version, '--notes', `Notes of ${version}.`, '--artifact', `linux-x86_64=${file}`];
  const run = await runJsonInProcess(['publish', ...all, ...args], {
    env: { ...env, ...extra },
    cwd: folder,
  });
  return { file, ...run };
}

const WHERE = ['--slug', 'my-app', '--target', 'linux', '--arch', 'x86_64', '--current-version', '1.0.0'];
const check = (...args: string[]) =>
  runInProcess(['check', ...WHERE, '--download', '--pubkey', key.publicKey, ...args], { env });
const verify = (what: string, ...args: string[]) =>
  runInProcess(['verify', what, '--pubkey', key.publicKey, ...args], { env });
const manifestOf = async (version: string) =>
  (await fetch(`${url}/api/sync/ota/my-app/manifest/${version}`)).text();

describe('a release that is published with a key', () => {
  test('has a manifest, which check and verify compare with what is served', async () => {
    const { code, stderr } = await publish('1.2.0');
    expect([code, stderr]).toEqual([0, expect.stringContaining('manifest of 1.2.0 signed')]);
    const checked = await check('--require-manifest');
    expect([checked.code, checked.stdout]).toEqual([0, expect.stringContaining('The manifest agrees')]);
    const verified = await verify('1.2.0', '--slug', 'my-app');
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('The manifest is valid.')]);
    const { document } = await runJsonInProcess(
      ['verify', 'v1.2.0', '--slug', 'my-app', '--pubkey', key.publicKey],
      { env },
    );
    expect(document).toMatchObject({ version: '1.2.0', channel: 'stable', problems: [] });
    expect(document.files).toMatchObject([{ platform: 'linux-x86_64', name: 'app.bin', verified: true }]);
  });

  test('is verified offline, by the manifest and the key alone', async () => {
    const { file } = await publish('1.2.0');
    const manifest = join(folder, '1.2.0.intoto.jsonl');
    await writeFile(manifest, await manifestOf('1.2.0'));
    const away = { env: {}, cwd: folder };
    const run = (...args: string[]) => runInProcess(['verify', ...args, '--pubkey', key.publicKey], away);
    expect((await run(manifest)).code).toBe(0);
    expect((await run('1.2.0', '--manifest', manifest)).code).toBe(0);
    expect((await run('1.2.1', '--manifest', manifest)).code).toBe(6);
    expect((await run(file, '--manifest', manifest)).code).toBe(0);
    await writeFile(file, randomBytes(5000));
    const changed = await run(file, '--manifest', manifest);
    expect([changed.code, changed.stderr]).toEqual([6, expect.stringContaining('is not in it')]);
    const other = await generateKey(folder, 'other');
    const args = ['verify', manifest, '--pubkey', other.publicKey];
    expect((await runInProcess(args, away)).code).toBe(6);
    expect((await run(`${file}.sig`)).code).toBe(2);
  });

  test('attack F07: edited notes are noticed, until they are signed with the key', async () => {
    await publish('1.2.0');
    const edit = (extra: Record<string, string>) =>
      runInProcess(['releases', 'edit', '1.2.0', '--notes', 'Licence expired.'], {
        env: { ...env, ...extra },
      });
    const edited = await edit({});
    expect([edited.code, edited.stderr]).toEqual([0, expect.stringContaining('does not agree')]);
    for (const run of [check, () => verify('1.2.0', '--slug', 'my-app')]) {
      const { code, stderr } = await run();
      expect([code, stderr]).toEqual([6, expect.stringContaining('notes')]);
    }
    expect((await edit(signing)).stderr).toContain('signed again');
    expect((await check()).code).toBe(0);
    const remove = ['releases', 'edit', '1.2.0', '--remove-notes'];
    const removed = await runInProcess(remove, { env: { ...env, ...signing } });
    expect(removed.stderr).toContain('signed again');
    expect((await check()).code).toBe(0);
  });

  test('attack F05: another file in its place is noticed', async () => {
    await publish('1.1.0');
    await publish('1.2.0');
    const { queries } = server.database;
    const old = await queries
      .selectFrom('artifacts')
      .innerJoin('releases', 'releases.id', 'artifacts.release_id')
      .select(['artifacts.id', 'sha256', 'artifacts.signature', 'storage_key', 'file_size'])
      .where('version', '=', '1.1.0')
      .executeTakeFirstOrThrow();
    await queries.deleteFrom('artifacts').where('id', '=', old.id).execute();
    const { id: _, ...other } = old;
    const own = queries.selectFrom('releases').select('id').where('version', '=', '1.2.0');
    await queries.updateTable('artifacts').set(other).where('release_id', 'in', own).execute();
    const { code, stderr } = await verify('1.2.0', '--slug', 'my-app');
    expect([code, stderr]).toEqual([6, expect.stringContaining('linux-x86_64')]);
  });

  test('can be signed again, for another time', async () => {
    await publish('1.2.0', ['--manifest-days', '1']);
    const before = await manifestOf('1.2.0');
    await new Promise((resolve) => setTimeout(resolve, 1100)); // later, to the second
    const args = ['releases', 'sign', '1.2.0'];
    const { code, stdout, stderr } = await runInProcess(args, { env: { ...env, ...signing } });
    expect([code, stderr, stdout]).toEqual([0, expect.any(String), expect.stringContaining('expires on')]);
    expect(await manifestOf('1.2.0')).not.toBe(before);
    expect((await check('--require-manifest')).code).toBe(0);
    expect((await runInProcess(args, { env })).code).toBe(2);
  });

  test('needs no key: without one there is no manifest, which only --require-manifest minds', async () => {
    expect((await publish('1.2.0', [], {})).code).toBe(0);
    expect(await manifestOf('1.2.0')).toContain('not_found');
    expect((await check()).code).toBe(0);
    expect((await check('--require-manifest')).code).toBe(6);
    expect((await verify('1.2.0', '--slug', 'my-app')).code).toBe(6);
  });

  test('may be signed with another key than its files', async () => {
    const other = await generateKey(folder, 'dedicated');
    const extra = { SYNCKIT_OTA_MANIFEST_KEY_PASSWORD: other.password };
    const keyFile = join(folder, 'dedicated.key');
    expect((await publish('1.2.0', ['--manifest-key', keyFile], extra)).code).toBe(0);
    expect((await check()).code).toBe(0);
    expect((await check('--require-manifest')).code).toBe(6);
    const { code, stdout } = await check('--manifest-pubkey', other.publicKey);
    expect([code, stdout]).toEqual([0, expect.stringContaining('The manifest agrees')]);
    const wrong = await publish('1.3.0', ['--manifest-key', keyFile], {
      SYNCKIT_OTA_MANIFEST_KEY_PASSWORD: 'x',
    });
    expect([wrong.code, wrong.document.error.message]).toEqual([2, expect.stringContaining('password')]);
  });
});

test('matrix jobs sign a statement each, and a job that has not signed is missed', async () => {
  const [linux, mac] = await Promise.all([signedFile('linux.bin', '1.2.0'), signedFile('mac.bin', '1.2.0')]);
  const job = (platform: string, file: string, extra: Record<string, string>) => {
    const args = ['--version', '1.2.0', '--notes', 'n', '--expect', 'linux-x86_64,darwin-aarch64'];
    return runInProcess(['publish', ...args, '--artifact', `${platform}=${file}`], {
      env: { ...env, ...extra },
      cwd: folder,
    });
  };
  expect((await job('linux-x86_64', linux, signing)).code).toBe(0);
  expect((await job('darwin-aarch64', mac, {})).code).toBe(0);
  const missed = await verify('1.2.0', '--slug', 'my-app');
  expect([missed.code, missed.stderr]).toEqual([6, expect.stringContaining('darwin-aarch64')]);
});

test('both statements of two jobs are one manifest', async () => {
  const [linux, mac] = await Promise.all([signedFile('linux.bin', '1.2.0'), signedFile('mac.bin', '1.2.0')]);
  for (const [platform, file] of [
    ['linux-x86_64', linux],
    ['darwin-aarch64', mac],
  ] as const) {
    const args = ['--version', '1.2.0', '--notes', 'n', '--expect', 'linux-x86_64,darwin-aarch64'];
    const all = ['publish', ...args, '--artifact', `${platform}=${file}`];
    expect((await runInProcess(all, { env: { ...env, ...signing }, cwd: folder })).code).toBe(0);
  }
  expect((await manifestOf('1.2.0')).trim().split('\n')).toHaveLength(2);
  expect((await verify('1.2.0', '--slug', 'my-app')).code).toBe(0);
});

describe('a release that is published in steps', () => {
  const run = (args: readonly string[], extra: Record<string, string> = {}) =>
    runInProcess(['publish', ...args], { env: { ...env, ...extra }, cwd: folder });
  const LINUX = ['--target', 'linux', '--arch', 'x86_64'];
  const MAC = ['--target', 'darwin', '--arch', 'aarch64'];
  const add = async (name: string, platform: readonly string[], extra: Record<string, string> = signing) =>
    run(['artifact', await signedFile(name, '1.2.0'), '--release', '1.2.0', ...platform], extra);
  const finish = (extra: Record<string, string>, ...args: string[]) =>
    run(['finish', '--release', '1.2.0', ...args], extra);
  /** As a job of CI leaves it that uploads without a key for manifests. */
  const draft = async (extra: Record<string, string>, names = ['linux.bin', 'mac.bin']) => {
    const files = await Promise.all(names.map((name) => signedFile(name, '1.2.0')));
    const platforms = ['linux-x86_64', 'darwin-aarch64'];
    const artifacts = files.flatMap((file, i) => ['--artifact', `${platforms[i]}=${file}`]);
    const args = ['--version', '1.2.0', '--notes', 'n', '--draft', ...artifacts];
    expect(await run(args, extra)).toMatchObject({ code: 0 });
  };

  test('has a statement about each file that was added with the key', async () => {
    expect((await run(['release', '--version', '1.2.0', '--notes', 'n'])).code).toBe(0);
    for (const added of [await add('linux.bin', LINUX), await add('mac.bin', MAC)])
      expect([added.code, added.stderr]).toEqual([0, expect.stringContaining('manifest of 1.2.0 signed')]);
    const verified = await verify('1.2.0', '--slug', 'my-app');
    expect([verified.code, verified.stderr]).toEqual([0, '']);
    expect((await check('--require-manifest')).code).toBe(0);
    const edit = ['releases', 'edit', '1.2.0', '--notes', 'signed'];
    expect((await runInProcess(edit, { env: { ...env, ...signing } })).stderr).toContain('signed again');
    expect((await check('--require-manifest')).code).toBe(0);
  });

  test('is named by the file that has no statement, and gets it from publish finish with the key', async () => {
    await draft(signing, ['linux.bin']);
    expect((await add('mac.bin', MAC, {})).code).toBe(0);
    const without = await finish({});
    expect([without.code, without.stderr]).toEqual([
      0,
      expect.stringContaining('says nothing of darwin-aarch64'),
    ]);
    expect((await manifestOf('1.2.0')).trim().split('\n')).toHaveLength(1);
    const completed = await finish(signing);
    expect([completed.code, completed.stderr]).toEqual([
      0,
      expect.stringContaining('manifest of 1.2.0 signed'),
    ]);
    expect((await manifestOf('1.2.0')).trim().split('\n')).toHaveLength(2);
    expect((await verify('1.2.0', '--slug', 'my-app')).code).toBe(0);
    const again = await finish(signing);
    expect([again.code, again.stderr]).toEqual([0, expect.not.stringContaining('manifest')]);
  });

  test('with approval, is signed by the job that uploads, or by the person who approves', async () => {
    const { queries } = server.database;
    const appId = env.SYNCKIT_OTA_APP ?? '';
    await setApproval(queries, { appId, approval: true }, by());
    const person = await server.createToken(appId, { scopes: ['release:read', 'release:publish'] });
    await draft(signing);
    expect((await finish({ SYNCKIT_OTA_TOKEN: person })).code).toBe(0);
    expect((await verify('1.2.0', '--slug', 'my-app')).code).toBe(0);
    await deleteRelease(
      queries,
      { appId, releaseId: await idOf('1.2.0') },
      { by: by(), allowStranding: true },
    );
    await queries.deleteFrom('published_bytes').execute();
    await draft({});
    const approved = await finish({ ...signing, SYNCKIT_OTA_TOKEN: person });
    expect([approved.code, approved.stderr]).toEqual([
      0,
      expect.stringContaining('manifest of 1.2.0 signed'),
    ]);
    expect((await verify('1.2.0', '--slug', 'my-app')).code).toBe(0);
  });

  test('attack H4: gets no statement about a file with a signature that fits any version, or by another key', async () => {
    const { queries } = server.database;
    const appId = env.SYNCKIT_OTA_APP ?? '';
    await setRequireBoundSignatures(queries, { appId, required: false }, by());
    const file = join(folder, 'old.bin');
    await writeFile(file, randomBytes(5000));
    await signFile(key, file);
    const args = ['--version', '1.2.0', '--notes', 'n', '--draft', '--artifact', `linux-x86_64=${file}`];
    expect((await run(args)).code).toBe(0);
    const unbound = await finish(signing);
    expect([unbound.code, unbound.stderr]).toEqual([
      0,
      expect.stringContaining('says nothing of linux-x86_64'),
    ]);
    const other = await generateKey(folder, 'other');
    const dedicated = {
      SYNCKIT_OTA_MANIFEST_KEY: other.privateKey,
      SYNCKIT_OTA_MANIFEST_KEY_PASSWORD: other.password,
    };
    const unknown = await finish(dedicated);
    expect([unknown.code, unknown.stderr]).toEqual([0, expect.stringContaining('--pubkey')]);
    expect(await manifestOf('1.2.0')).toContain('not_found');
  });

  test('is signed with a dedicated key where --pubkey says what the files are signed with', async () => {
    await draft({});
    const other = await generateKey(folder, 'other');
    const { code } = await finish(
      { SYNCKIT_OTA_MANIFEST_KEY: other.privateKey, SYNCKIT_OTA_MANIFEST_KEY_PASSWORD: other.password },
      '--pubkey',
      key.publicKey,
    );
    expect(code).toBe(0);
    const args = ['verify', '1.2.0', '--slug', 'my-app', '--pubkey', other.publicKey];
    expect((await runInProcess(args, { env })).code).toBe(0);
  });

  test('is signed with the key that the config file names', async () => {
    const other = await generateKey(folder, 'other');
    await writeFile(
      join(folder, 'synckit-ota.config.json'),
      JSON.stringify({ manifestKey: 'other.key', manifestDays: 2 }),
    );
    expect((await run(['release', '--version', '1.2.0'])).code).toBe(0);
    const password = { SYNCKIT_OTA_MANIFEST_KEY_PASSWORD: other.password };
    expect((await add('linux.bin', LINUX, { ...signing, ...password })).code).toBe(0);
    const { document } = await runJsonInProcess(
      ['verify', '1.2.0', '--slug', 'my-app', '--pubkey', other.publicKey],
      { env },
    );
    expect(Date.parse(document.expires_at)).toBeLessThan(Date.now() + 3 * 24 * 60 * 60 * 1000);
    await writeFile(join(folder, 'synckit-ota.config.json'), JSON.stringify({ manifestKey: 'missing.key' }));
    const missing = await add('mac.bin', MAC, signing);
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('missing.key')]);
  });

  async function idOf(version: string): Promise<string> {
    const { queries } = server.database;
    const found = queries.selectFrom('releases').select('id').where('version', '=', version);
    return (await found.executeTakeFirstOrThrow()).id;
  }
});

describe('a manifest that cannot be relied on', () => {
  const publishDraft = (file: string, extra: Record<string, string>, ...args: string[]) =>
    runInProcess(
      [
        'publish',
        '--draft',
        '--version',
        '1.2.0',
        '--notes',
        'n',
        '--artifact',
        `linux-x86_64=${file}`,
        ...args,
      ],
      { env: { ...env, ...extra }, cwd: folder },
    );
  const run = (args: readonly string[], extra: Record<string, string> = {}) =>
    runInProcess(args, { env: { ...env, ...extra }, cwd: folder });
  const FINISH = ['publish', 'finish', '--release', '1.2.0'];
  /** The options of somebody with a token that may upload, and a key of their own. */
  const intruder = async () => {
    const other = await generateKey(folder, 'evil');
    const token = await server.createToken(env.SYNCKIT_OTA_APP ?? '', {
      scopes: ['release:read', 'release:upload'],
    });
    return {
      SYNCKIT_OTA_TOKEN: token,
      SYNCKIT_OTA_MANIFEST_KEY: other.privateKey,
      SYNCKIT_OTA_MANIFEST_KEY_PASSWORD: other.password,
    };
  };

  test('attack F18: a token that may upload does not replace what the key has signed', async () => {
    const file = await signedFile('app.bin', '1.2.0');
    expect((await publishDraft(file, signing)).code).toBe(0);
    expect((await publishDraft(file, await intruder())).code).toBe(0);
    expect((await run(FINISH)).code).toBe(0);
    expect((await verify('1.2.0', '--slug', 'my-app')).code).toBe(0);
  });

  test('attack F18: one by another key alone is named, and repaired by publish finish or publish', async () => {
    const file = await signedFile('app.bin', '1.2.0');
    expect((await publishDraft(file, {})).code).toBe(0);
    expect((await publishDraft(file, await intruder())).code).toBe(0);
    const finished = await run(FINISH);
    expect([finished.code, finished.stderr]).toEqual([0, expect.stringContaining('not known for this app')]);
    expect((await verify('1.2.0', '--slug', 'my-app')).code).toBe(6);
    const again = ['publish', '--version', '1.2.0', '--notes', 'n', '--artifact', `linux-x86_64=${file}`];
    const unsigned = await run(again);
    expect([unsigned.code, unsigned.stderr]).toEqual([0, expect.stringContaining('not known for this app')]);
    const repaired = await run(again, signing);
    expect([repaired.code, repaired.stderr]).toEqual([
      0,
      expect.stringContaining('manifest of 1.2.0 signed'),
    ]);
    expect((await verify('1.2.0', '--slug', 'my-app')).code).toBe(0);
    expect((await run(again, signing)).stderr).not.toContain('manifest');
    expect((await run(['releases', 'sign', '1.2.0'], signing)).code).toBe(0);
    expect((await verify('1.2.0', '--slug', 'my-app')).code).toBe(0);
  });

  test('attack F18: a promotion is not held up by what another key alone has signed', async () => {
    const file = await signedFile('app.bin', '1.2.0');
    expect((await publishDraft(file, signing, '--channel', 'beta')).code).toBe(0);
    expect((await publishDraft(file, await intruder(), '--channel', 'beta')).code).toBe(0);
    expect((await run(FINISH)).code).toBe(0);
    const promote = ['releases', 'promote', '1.2.0', '--to', 'stable'];
    const unsigned = await run(promote);
    expect([unsigned.code, unsigned.stderr]).toEqual([4, expect.stringContaining('the manifest of 1.2.0')]);
    const signed = await run(promote, signing);
    expect(signed.code, signed.stderr).toBe(0);
    expect((await verify('1.2.0', '--slug', 'my-app')).code).toBe(0);
  });

  test('attack F18: a draft is not published while its own manifest is about another file', async () => {
    const file = await signedFile('app.bin', '1.2.0');
    expect((await publishDraft(file, signing, '--job', 'linux')).code).toBe(0);
    await writeFile(file, randomBytes(5000));
    await signFile(key, file, { appVersion: '1.2.0' });
    expect((await publishDraft(file, {}, '--job', 'linux')).stderr).toContain('names another file');
    const refused = await run(FINISH);
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining('names another file')]);
    expect((await publishDraft(file, signing, '--job', 'linux')).code).toBe(0);
    expect((await run(FINISH)).code).toBe(0);
    expect((await verify('1.2.0', '--slug', 'my-app')).code).toBe(0);
  });

  test('attack F15: one that has expired is no attack, and is signed again', async () => {
    await publish('1.2.0', ['--manifest-days', '1']);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * DAY_MS });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    for (const answer of [await verify('1.2.0', '--slug', 'my-app'), await check('--require-manifest')]) {
      expect([answer.code, answer.stderr]).toEqual([6, expect.stringContaining('releases sign 1.2.0')]);
      expect(answer.stderr).not.toContain('trust');
    }
  });

  test('attack F15: with a clock that is far behind nothing is signed that is expired already', async () => {
    const lead = vi.spyOn(OtaClient.prototype, 'clockLeadMs', 'get');
    onTestFinished(() => lead.mockRestore());
    lead.mockReturnValue(400 * DAY_MS);
    const behind = await publish('1.2.0');
    expect([behind.code, behind.document.error.message]).toEqual([
      4,
      expect.stringContaining('400 days behind'),
    ]);
    lead.mockReturnValue(10 * 60_000);
    const slow = await publish('1.2.0');
    expect([slow.code, slow.stderr]).toEqual([0, expect.stringContaining('10 minutes behind')]);
  });

  test('field P1: a version without a manifest, and one that was never published, are told apart', async () => {
    await publish('1.2.0', [], {});
    const [without, unpublished] = [
      await verify('1.2.0', '--slug', 'my-app'),
      await verify('9.9.9', '--slug', 'my-app'),
    ];
    expect([without.code, without.stderr]).toEqual([6, expect.stringContaining('1.2.0 has no manifest')]);
    expect([unpublished.code, unpublished.stderr]).toEqual([
      6,
      expect.stringContaining('9.9.9 is not published'),
    ]);
    for (const { stderr } of [without, unpublished]) expect(stderr).not.toContain('trust');
  });
});

test('attack G17: of a download that does not end no more is read than was signed', async () => {
  const { file } = await publish('1.2.0');
  expect(file).toBeDefined();
  const manifest = await manifestOf('1.2.0');
  const answer = await fetch(`${url}/api/sync/ota/my-app/linux/x86_64/1.0.0`);
  const offer = (await answer.json()) as object;
  const hostile = await listenHttp((request, response) => {
    if (request.url?.includes('/manifest/')) response.end(manifest);
    else if (request.url === '/endless') {
      const more = () => !response.destroyed && response.write(Buffer.alloc(64 * 1024, 'x'), more);
      more();
    } else if (request.url === '/api/sync/ota') response.writeHead(404).end();
    else {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ...offer, url: new URL('/endless', hostile).href }));
    }
  });
  const { code, stderr } = await check('--server', hostile.href);
  expect([code, stderr]).toEqual([6, expect.stringContaining('not the file that was signed')]);
});

describe('releases promote', () => {
  const promote = (args: readonly string[], extra = signing) =>
    runJsonInProcess(['releases', 'promote', ...args], { env: { ...env, ...extra } });

  test('signs the manifest again, so that it names the new channel', async () => {
    await publish('1.2.0', ['--channel', 'beta']);
    const unsigned = await promote(['1.2.0', '--to', 'stable'], {});
    expect(unsigned).toMatchObject({
      code: 4,
      document: { error: { hint: expect.stringContaining('--manifest-key') } },
    });
    expect(await promote(['1.2.0', '--to', 'stable'])).toMatchObject({
      code: 0,
      document: {
        ...{ from: 'beta', to: 'stable', manifest: { signed: 1, outdated: 0 } },
        release: { version: '1.2.0', channel: 'stable' },
      },
    });
    const checked = await check('--require-manifest');
    expect([checked.code, checked.stdout]).toEqual([0, expect.stringContaining('The manifest agrees')]);
  });

  test('moves it without the key where that is allowed, and signs it later', async () => {
    await publish('1.2.0', ['--channel', 'beta']);
    const moved = await promote(['1.2.0', '--to', 'stable', '--allow-outdated-manifest'], {});
    expect(moved).toMatchObject({ code: 0, document: { manifest: { signed: 0, outdated: 1 } } });
    expect(moved.stderr).toContain('names the channel beta');
    expect((await check('--require-manifest')).code).toBe(6);
    expect(await promote(['1.2.0', '--to', 'stable'])).toMatchObject({
      code: 0,
      document: { from: 'stable', manifest: { signed: 1, outdated: 0 } },
    });
    expect((await check('--require-manifest')).code).toBe(0);
  });

  test('asks before everyone gets a pre-release, and refuses what is lower than the live one', async () => {
    await publish('1.2.0-beta.1', ['--channel', 'beta']);
    expect(await promote(['1.2.0-beta.1', '--to', 'stable'])).toMatchObject({
      code: 4,
      document: { error: { message: expect.stringContaining('pre-release') } },
    });
    await publish('1.3.0');
    expect(await promote(['1.2.0-beta.1', '--to', 'stable', '--allow-prerelease'])).toMatchObject({
      code: 4,
      document: { error: { message: expect.stringContaining('1.3.0 is live') } },
    });
    const all = ['1.2.0-beta.1', '--to', 'stable', '--allow-prerelease', '--allow-lower'];
    expect(await promote(all)).toMatchObject({ code: 0, document: { to: 'stable' } });
    expect((await promote(['1.3.0'])).code).toBe(2);
    expect((await promote(['1.3.0', '--to', 'No Channel'])).code).toBe(2);
  });

  test('may begin with a share of the apps', async () => {
    await publish('1.1.0');
    await publish('1.2.0', ['--channel', 'beta']);
    const { code, stdout } = await runInProcess(
      ['releases', 'promote', '1.2.0', '--to', 'stable', '--rollout', '10%'],
      { env: { ...env, ...signing } },
    );
    expect([code, stdout]).toEqual([0, '1.2.0 moved from beta to stable: offered to 10 % of the apps.\n']);
    expect((await runInProcess(['releases', 'list'], { env })).stdout).toMatch(/1\.2\.0 .* stable /);
  });
});
