import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { identityToken, WORKFLOW } from '../../support/attestation/attested-world.ts';
import { type SigstoreInstance, startSigstore } from '../../support/attestation/sigstore-instance.ts';
import { unverifiedBundle } from '../../support/attestation/unverified-bundle.ts';
import { COMMIT } from '../../support/identity/job-claims.ts';
import { JOB } from '../../support/identity/trusted-job.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { signedFile as manifestFile } from '../../support/publish/signed-envelope.ts';
import { openTestServer, type TestServer } from '../../support/server/server.ts';
import { generateKey, type SigningKey, signFile } from '../../support/tauri/signer.ts';

let server: TestServer;
let sigstore: SigstoreInstance;
let folder: string;
let key: SigningKey;
let env: Record<string, string>;
let url: string;
/** Those that name the Sigstore instance; the root alone for what only verifies. */
let instance: string[];
let root: string[];

beforeEach(async () => {
  folder = await tempFolder();
  key = await generateKey(folder);
  server = await openTestServer(await tempFolder());
  onTestFinished(() => server.close());
  sigstore = await startSigstore();
  instance = await sigstore.files(folder, 'log');
  root = instance.slice(0, 2);
  url = (await server.listen()).url;
  const { id, token } = await server.createApp({ slug: 'my-app', pubkey: key.publicKey });
  env = { SYNCKIT_OTA_SERVER: url, SYNCKIT_OTA_APP: id, SYNCKIT_OTA_TOKEN: token };
});

async function signedFile(name: string, version: string): Promise<string> {
  await mkdir(join(folder, version), { recursive: true });
  const file = join(folder, version, name);
  await writeFile(file, randomBytes(5000));
  await signFile(key, file, { appVersion: version });
  return file;
}

interface PublishOptions {
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  readonly file?: string;
}

/** By a job with an identity. */
async function publish(version: string, options: PublishOptions = {}) {
  const file = options.file ?? (await signedFile('app.bin', version));
  const args = ['--version', version, '--artifact', `linux-x86_64=${file}`, '--wait', '0'];
  const run = await runJsonInProcess(['publish', ...args, '--attest', ...instance, ...(options.args ?? [])], {
    env: { ...env, SIGSTORE_ID_TOKEN: identityToken(), ...options.env },
    cwd: folder,
  });
  return { file, ...run };
}

const verify = (what: string, ...args: string[]) =>
  runInProcess(['verify', what, ...root, ...args], { env, cwd: folder });
const live = ['--slug', 'my-app'];
const served = async (version: string) =>
  (await fetch(`${url}/api/sync/ota/my-app/attestation/${version}`)).text();
const statusOf = async (version: string) => {
  const { queries } = server.database;
  const row = queries.selectFrom('releases').select('status').where('version', '=', version);
  return (await row.executeTakeFirst())?.status;
};

describe('a release that is published with --attest', () => {
  test('is attested by the job, and verified without a key', async () => {
    const { code, stderr } = await publish('1.2.0');
    expect([code, stderr]).toEqual([0, expect.stringContaining(`attested by ${WORKFLOW}@refs/tags/v1.0.0`)]);
    const expected = ['--attestation-identity', WORKFLOW];
    const verified = await verify('1.2.0', ...live, ...expected);
    expect([verified.code, verified.stderr]).toEqual([0, '']);
    expect(verified.stdout).toContain('The attestation is valid.');
    const json = await runJsonInProcess(['verify', '1.2.0', ...root, ...live, ...expected], { env });
    expect(json.document).toMatchObject({
      key_ids: [],
      expires_at: null,
      attestation: { signers: [{ identity: `${WORKFLOW}@refs/tags/v1.0.0`, commit: COMMIT }] },
      files: [{ platform: 'linux-x86_64', verified: true }],
    });
    const anyone = await verify('1.2.0', ...live);
    expect([anyone.code, anyone.stderr]).toEqual([0, expect.stringContaining('anybody can attest')]);
  });

  test('is attested file by file where files are uploaded in single steps', async () => {
    const file = await signedFile('app.bin', '1.2.0');
    const job = { env: { ...env, SIGSTORE_ID_TOKEN: identityToken() }, cwd: folder };
    expect((await runInProcess(['publish', 'slug', 'my-app'], job)).code).toBe(0);
    expect((await runInProcess(['publish', 'release', '--version', '1.2.0', '--notes', 'n'], job)).code).toBe(
      0,
    );
    const add = ['publish', 'artifact', file, '--release', '1.2.0', '--target', 'linux', '--arch', 'x86_64'];
    const without = await runInProcess([...add, '--attest', ...instance], { env, cwd: folder });
    expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('no identity')]);
    const added = await runInProcess([...add, '--attest', ...instance], job);
    expect([added.code, added.stderr]).toEqual([0, expect.stringContaining(`attested by ${WORKFLOW}`)]);
    const verified = await verify('1.2.0', ...live, '--attestation-identity', WORKFLOW);
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('attestation is valid')]);
  });

  test('has the very statement that its manifest has, and both are verified', async () => {
    const signing = {
      TAURI_SIGNING_PRIVATE_KEY: key.privateKey,
      TAURI_SIGNING_PRIVATE_KEY_PASSWORD: key.password,
    };
    expect((await publish('1.2.0', { env: signing })).code).toBe(0);
    const manifest = await (await fetch(`${url}/api/sync/ota/my-app/manifest/1.2.0`)).text();
    const [{ bundle }] = JSON.parse(await served('1.2.0')).attestations;
    expect(bundle.dsseEnvelope.payload).toBe(JSON.parse(manifest).payload);
    const verified = await verify('1.2.0', ...live, '--pubkey', key.publicKey);
    expect(verified.stdout).toContain('The manifest and the attestation are valid.');
  });

  test('is verified offline, by the attestation alone', async () => {
    const { file } = await publish('1.2.0');
    const attestation = join(folder, '1.2.0.sigstore.json');
    await writeFile(attestation, await served('1.2.0'));
    const by = ['--attestation-identity', WORKFLOW];
    expect((await verify(attestation, ...by)).code).toBe(0);
    expect((await verify('1.2.0', '--attestation', attestation, ...by)).code).toBe(0);
    expect((await verify('1.2.1', '--attestation', attestation, ...by)).code).toBe(6);
    expect((await verify(file, '--attestation', attestation, ...by)).code).toBe(0);
    await writeFile(file, randomBytes(5000));
    const changed = await verify(file, '--attestation', attestation, ...by);
    expect([changed.code, changed.stderr]).toEqual([6, expect.stringContaining('is not in it')]);
    expect((await verify(file, '--attestation', file)).code).toBe(2);
  });

  test('is shown with its signer', async () => {
    await publish('1.2.0');
    const show = (...args: string[]) => runInProcess(['releases', 'show', '1.2.0', ...args], { env });
    expect((await show(...root)).stdout).toContain(`attested by ${WORKFLOW}@refs/tags/v1.0.0`);
    expect((await show()).stdout).toContain('do not trust its attestation');
    const json = JSON.parse((await show(...root, '--json')).stdout);
    expect(json.attestation).toMatchObject({ verified: true, expected_by: 'none' });
  });

  test('stays as it is when the job runs again, and gets what it lacks', async () => {
    const { file } = await publish('1.2.0');
    const before = await served('1.2.0');
    expect((await publish('1.2.0', { file })).document).toMatchObject({ status: 'unchanged' });
    expect(await served('1.2.0')).toBe(before);
    const plain = await signedFile('app.bin', '1.3.0');
    const args = ['publish', '--version', '1.3.0', '--artifact', `linux-x86_64=${plain}`];
    expect((await runInProcess(args, { env, cwd: folder })).code).toBe(0);
    expect(await served('1.3.0')).toContain('not_found');
    expect((await publish('1.3.0', { file: plain })).code).toBe(0);
    expect((await verify('1.3.0', ...live, '--attestation-identity', WORKFLOW)).code).toBe(0);
  });

  test('announces in a dry run that it will be attested', async () => {
    const file = await signedFile('app.bin', '1.2.0');
    const args = ['--version', '1.2.0', '--artifact', `linux-x86_64=${file}`, '--dry-run', '--attest'];
    const job = { ...env, SIGSTORE_ID_TOKEN: identityToken() };
    const { stdout } = await runInProcess(['publish', ...args, ...instance], { env: job, cwd: folder });
    expect(stdout).toMatch(/PUT \S+\/attestation\n/);
    expect(sigstore.requests).toEqual([]);
  });
});

describe('what attests something else is refused', () => {
  test('attack: an identity that is not expected', async () => {
    await publish('1.2.0', {
      env: {
        SIGSTORE_ID_TOKEN: identityToken({
          job_workflow_ref: 'evil/my-app/.github/workflows/release.yml@refs/tags/v1.0.0',
        }),
      },
    });
    const refused = await verify('1.2.0', ...live, '--attestation-identity', WORKFLOW);
    expect([refused.code, refused.stderr]).toEqual([6, expect.stringContaining('evil/my-app')]);
  });

  test('attack: the attestation of a job that did not create the release', async () => {
    await publish('1.2.0');
    const { queries } = server.database;
    const run = 'https://github.com/octo/other/actions/runs/1/attempts/1';
    const issuer = 'https://token.actions.githubusercontent.com';
    const provenance = JSON.stringify({ ...JOB, issuer, repository: 'octo/other', run });
    await queries.updateTable('releases').set({ provenance }).execute();
    const refused = await verify('1.2.0', ...live);
    expect([refused.code, refused.stderr]).toEqual([6, expect.stringContaining('octo/other')]);
    const shown = await runInProcess(['releases', 'show', '1.2.0', ...root, '--json'], { env });
    expect(JSON.parse(shown.stdout).attestation).toMatchObject({ verified: false });
  });

  test('attack: but nothing that another token puts beside it in the draft counts', async () => {
    const draft = await publish('1.2.0', { args: ['--draft'] });
    const { id } = draft.document.release;
    const stolen = await server.createToken(env.SYNCKIT_OTA_APP ?? '', { scopes: ['release:upload'] });
    const forged = unverifiedBundle({ releaseId: id, files: [manifestFile(['linux-x86_64'])] });
    const reply = await fetch(`${url}/api/sync/ota/apps/${env.SYNCKIT_OTA_APP}/releases/${id}/attestation`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${stolen}`, 'content-type': 'application/json' },
      body: JSON.stringify(forged),
    });
    expect(reply.status).toBe(200);
    expect((await publish('1.2.0', { file: draft.file })).code).toBe(0);
    expect(JSON.parse(await served('1.2.0')).attestations).toHaveLength(2);
    expect((await verify('1.2.0', ...live, '--attestation-identity', WORKFLOW)).code).toBe(0);
    expect((await publish('1.2.0', { file: draft.file })).document).toMatchObject({ status: 'unchanged' });
  });

  test('attack: the attestation of another release', async () => {
    await publish('1.2.0');
    await publish('1.3.0');
    const { queries } = server.database;
    const rows = await queries.selectFrom('statements').selectAll().orderBy('created_at').execute();
    await queries
      .updateTable('statements')
      .set({ document: rows[0]?.document ?? '' })
      .execute();
    const refused = await verify('1.3.0', ...live, '--attestation-identity', WORKFLOW);
    expect([refused.code, refused.stderr]).toEqual([6, expect.stringContaining('1.2.0, not 1.3.0')]);
  });

  test('attack: another file than what was attested', async () => {
    await publish('1.2.0');
    await publish('1.3.0');
    const { queries } = server.database;
    const old = await queries
      .selectFrom('artifacts')
      .innerJoin('releases', 'releases.id', 'artifacts.release_id')
      .select(['artifacts.id', 'sha256', 'artifacts.signature', 'storage_key', 'file_size'])
      .where('version', '=', '1.2.0')
      .executeTakeFirstOrThrow();
    await queries.deleteFrom('artifacts').where('id', '=', old.id).execute();
    const { id: _, ...other } = old;
    await queries.updateTable('artifacts').set(other).execute();
    expect((await verify('1.3.0', ...live)).code).toBe(6);
  });

  test('attack: none, where somebody is expected', async () => {
    const file = await signedFile('app.bin', '1.2.0');
    const args = ['publish', '--version', '1.2.0', '--artifact', `linux-x86_64=${file}`];
    await runInProcess(args, { env, cwd: folder });
    for (const more of [[], ['--attestation-identity', WORKFLOW]]) {
      const { code, stderr } = await verify('1.2.0', ...live, ...more);
      expect([code, stderr]).toEqual([6, expect.stringContaining('no attestation')]);
    }
  });
});

describe('nothing goes live', () => {
  test.each(['certificates', 'log'] as const)('while the service for %s is down', async (service) => {
    sigstore.faults.set(service, [503, 503]);
    const file = await signedFile('app.bin', '1.2.0');
    const failed = await publish('1.2.0', { file });
    expect(failed.code).toBe(7);
    expect(await statusOf('1.2.0')).toBe('draft');
    sigstore.faults.clear();
    expect((await publish('1.2.0', { file })).code).toBe(0);
    expect(await statusOf('1.2.0')).toBe('published');
  });

  test('until a service that fails for a moment is asked again', async () => {
    sigstore.faults.set('log', [503]);
    const { code, stderr } = await publish('1.2.0', { args: ['--wait', '30s'] });
    expect([code, stderr]).toEqual([0, expect.stringContaining('status 503')]);
  });

  test('if the identity is refused', async () => {
    const token = identityToken({ aud: 'https://updates.example.com' });
    const { code, stderr } = await publish('1.2.0', { env: { SIGSTORE_ID_TOKEN: token } });
    expect([code, stderr]).toEqual([3, expect.stringContaining('the audience is')]);
    expect(stderr).not.toContain(token);
    expect(await statusOf('1.2.0')).toBe('draft');
  });

  test('if what was made is not verified by the keys of the instance', async () => {
    const other = await startSigstore();
    const file = join(folder, 'other.json');
    await writeFile(file, JSON.stringify(other.root()));
    const { code } = await publish('1.2.0', { args: ['--sigstore-root', file] });
    expect([code, await statusOf('1.2.0')]).toEqual([6, 'draft']);
  });

  test.each([
    ['GitHub Actions', { GITHUB_ACTIONS: 'true' }, 'id-token: write'],
    ['GitLab CI', { GITLAB_CI: 'true' }, 'SIGSTORE_ID_TOKEN'],
    ['no job', {}, 'id-token: write'],
  ])('in %s without an identity, and nothing is written', async (_, variables, hint) => {
    const { code, stderr } = await publish('1.2.0', { env: { SIGSTORE_ID_TOKEN: '', ...variables } });
    expect([code, stderr]).toEqual([2, expect.stringContaining(hint)]);
    expect(await statusOf('1.2.0')).toBeUndefined();
  });
});

describe('options of attestations', () => {
  test.each([
    ['an identity of an unknown issuer', ['--attestation-identity', 'https://ci.example/workflow']],
    ['an issuer alone', ['--attestation-issuer', 'https://ci.example']],
    ['a root that is none', ['--sigstore-root', 'package.json']],
    ['a file that is not there', ['--attestation', 'missing.json']],
  ])('are refused: %s', async (_, args) => {
    await writeFile(join(folder, 'package.json'), '{}');
    await publish('1.2.0');
    expect((await verify('1.2.0', ...live, ...args)).code).toBe(2);
  });

  test.each([
    ['no signing config', '{}'],
    ['no JSON', 'x'],
    ['a service that is not https', '{"caUrls":[{"url":"http://ca.example","majorApiVersion":1}]}'],
    [
      'a service of another time',
      '{"caUrls":[{"url":"https://ca.example","majorApiVersion":1,"validFor":{"end":"2020-01-01T00:00:00Z"}}]}',
    ],
  ])('are refused for publish: %s', async (_, text) => {
    const file = join(folder, 'config.json');
    await writeFile(file, text);
    const { code, stderr } = await publish('1.2.0', { args: ['--sigstore-config', file] });
    expect([code, stderr]).toEqual([2, expect.stringContaining('--sigstore-config')]);
  });

  test('are refused where an instance is named without its keys', async () => {
    const [, rootFile = ''] = root;
    const all = instance;
    instance = all.filter((one) => one !== '--sigstore-root' && one !== rootFile);
    expect((await publish('1.2.0')).code).toBe(2);
    expect(await readFile(rootFile, 'utf8')).toContain('trustedroot');
  });
});
