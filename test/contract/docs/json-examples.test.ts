import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { EXIT } from '../../../src/cli/exit-codes.ts';
import { main } from '../../../src/cli/main.ts';
import type { Database } from '../../../src/database/database.ts';
import { shapeOf } from '../../support/docs/json-shape.ts';
import { blocksIn, sectionsOf } from '../../support/docs/markdown.ts';
import { readText } from '../../support/docs/pages.ts';
import { captureOutput } from '../../support/process/captured-output.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { checkLinux, publishLinux, writeBundle } from '../../support/publish/world.ts';
import { openTestServer } from '../../support/server/server.ts';
import { startReceiver } from '../../support/server/webhook-receiver.ts';

const sections = sectionsOf(readText('docs/reference/json.md'));
const written = captureOutput();

beforeEach(() => {
  for (const name of Object.keys(process.env).filter((key) => key.startsWith('SYNCKIT_OTA_'))) {
    vi.stubEnv(name, undefined);
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** The shape of what the page shows for a command. */
function shown(heading: string, index = 0): unknown {
  const section = sections.find((candidate) => candidate.heading === heading);
  return shapeOf(JSON.parse(blocksIn(section?.text ?? '', 'json')[index]?.text ?? 'null'));
}

/** Runs a command in this process. @returns its exit code and the document on stdout */
async function runJson(args: readonly string[]) {
  written.stdout = '';
  const code = await main(['node', 'synckit-ota', ...args, '--json'], {});
  return { code, document: JSON.parse(written.stdout || 'null') };
}

/** A server with one app, and what a publish to it needs. */
async function serveApp() {
  const dataDir = await tempFolder();
  const server = await openTestServer(dataDir);
  onTestFinished(() => server.close());
  const { url } = await server.listen();
  const created = await runJson(['apps', 'create', 'My App', '--slug', 'my-app', '--data-dir', dataDir]);
  const { id, token } = created.document;
  const remote = ['--server', url, '--app', id, '--token', token];
  const project = await tempFolder();
  const publish = (version: string, file: string, ...more: string[]) =>
    runJson([...publishLinux(version, file, ...more), '--project', project, ...remote]);
  return { project, publish, remote };
}

test('commands print the documents that the page of JSON output shows', async () => {
  const dataDir = await tempFolder();
  const server = await openTestServer(dataDir);
  onTestFinished(() => server.close());
  const { url } = await server.listen();
  const check = async (heading: string, args: readonly string[], index = 0) => {
    const { code, document } = await runJson(args);
    expect(code, `${heading}: ${written.stderr}`).toBe(0);
    expect(shapeOf(document), heading).toEqual(shown(heading, index));
    return document;
  };
  const store = ['--data-dir', dataDir];

  const all = ['release:read', 'release:write', 'release:delete'].flatMap((scope) => ['--scope', scope]);
  const app = await check('apps create', ['apps', 'create', 'My App', '--slug', 'my-app', ...all, ...store]);
  await check('apps list', ['apps', 'list', ...store]);
  const scopes = ['--scope', 'release:read', '--scope', 'release:publish@beta'];
  const token = await check('tokens create', ['tokens', 'create', '--app', app.id, ...scopes, ...store]);
  await check('tokens revoke', ['tokens', 'revoke', token.id, ...store]);
  await checkWebhooks({ check, appId: app.id, store, queries: server.database.queries });
  const where = ['--github', 'octo/my-app', '--workflow', 'release.yml', '--environment', 'release'];
  const ids = ['--repository-id', '74', '--owner-id', '65', '--ref', 'refs/tags/v*'];
  const trust = await check('apps trust', ['apps', 'trust', app.id, ...where, ...ids, ...store]);
  await check('apps untrust', ['apps', 'untrust', app.id, trust.publishers[0].id, ...store]);
  const other = await runJson(['apps', 'create', 'Other', ...store]);
  await runJson(['tokens', 'create', '--app', other.document.id, ...scopes, ...store]);
  const listed = await runJson(['tokens', 'list', '--app', app.id, ...store]);
  const [shownToken] = shown('tokens list') as object[];
  for (const row of listed.document) expect(Object.keys(row)).toEqual(Object.keys(shownToken ?? {}));

  const project = await tempFolder();
  const file = await writeBundle(project, 'MyApp_amd64.AppImage');
  const remote = ['--server', url, '--app', app.id, '--token', app.token];
  await check('publish slug', ['publish', 'slug', 'my-app', ...remote]);
  const notes = ['--notes', 'Faster.', '--project', project];
  const published = await check('publish', [...publishLinux('1.2.0', file), ...notes, ...remote]);
  const artifact = await writeBundle(project, 'MyApp_aarch64.AppImage');
  const platform = ['--release', '1.2.0', '--target', 'linux', '--arch', 'aarch64'];
  await check('publish artifact', ['publish', 'artifact', artifact, ...platform, ...remote]);

  const checked = await runJson([...checkLinux('1.1.0', '--download'), '--server', url]);
  const asShown = shown('check') as { readonly download: object };
  const download = { ...asShown.download, signature_valid: null, signed_version: null }; // without --pubkey
  expect(shapeOf(checked.document)).toEqual({ ...asShown, download });
  await check('check', [...checkLinux('1.2.0'), '--server', url], 1);
  const examined = await runJson(['doctor', '--server', url, '--slug', 'my-app', '--project', project]);
  const { examined: shownPlace, ...shownDoctor } = shown('doctor') as { examined: object };
  const place = shapeOf({ ...examined.document.examined, project: '', app: '', endpoints: [''] });
  expect(place).toEqual(shownPlace);
  expect(shapeOf({ ...examined.document, examined: undefined })).toMatchObject(shownDoctor);

  const settings = ['--no-approval', '--no-require-bound-signatures'];
  await check('apps set', ['apps', 'set', 'my-app', ...settings, ...store]);
  await check('keys rotate', ['keys', 'rotate', ...store]);
  await check('operator-link', ['operator-link', ...store]);
  await check('tokens revoke', ['tokens', 'revoke', '--all', '--app', other.document.id, ...store], 1);
  const backup = join(await tempFolder(), 'backup');
  await check('backup', ['backup', backup, ...store]);
  await check('restore', ['restore', backup, '--data-dir', join(await tempFolder(), 'restored')]);
  await rm(join(dataDir, 'artifacts'), { recursive: true });
  const checkedStore = await runJson(['fsck', ...store]);
  expect(checkedStore.code).toBe(EXIT.verificationFailed);
  const { damaged, ...rest } = checkedStore.document;
  const { damaged: shownDamage, ...shownRest } = shown('fsck') as { damaged: object[] };
  expect(shapeOf(rest)).toEqual(shownRest);
  expect(Object.keys(damaged[0])).toEqual(Object.keys(shownDamage[0] ?? {}));

  const deleted = await runJson(['releases', 'delete', published.release.id, ...remote]);
  expect(shapeOf(deleted.document)).toMatchObject(shown('releases delete') as object);
});

interface WebhookCheck {
  check(heading: string, args: readonly string[]): Promise<{ readonly id: string }>;
  readonly appId: string;
  readonly store: readonly string[];
  readonly queries: Database['queries'];
}

async function checkWebhooks({ check, appId, store, queries }: WebhookCheck): Promise<void> {
  const { url } = await startReceiver();
  const given = [url, '--app', appId, '--events', 'published', '--allow-private'];
  const { id } = await check('webhooks add', ['webhooks', 'add', ...given, ...store]);
  await check('webhooks list', ['webhooks', 'list', ...store]);
  await check('webhooks test', ['webhooks', 'test', id, ...store]);
  const row = {
    id: 'm',
    webhook_id: id,
    event: 'release.published',
    created_at: 1,
    attempts: 1,
    next_at: 1e15,
  };
  const message = { version: 1, id: 'm', type: 'release.published', timestamp: '', data: {} };
  const tried = {
    leased_until: 0,
    status: 500,
    error: 'it answered with 500',
    message: JSON.stringify(message),
  };
  await queries
    .insertInto('webhook_deliveries')
    .values({ ...row, ...tried, outcome: 'pending' })
    .execute();
  await check('webhooks deliveries', ['webhooks', 'deliveries', id, ...store]);
  await check('webhooks enable', ['webhooks', 'enable', id, ...store]);
  await check('webhooks remove', ['webhooks', 'remove', id, ...store]);
}

test('a failed publish prints the document that the page of JSON output shows', async () => {
  const { project, publish } = await serveApp();
  const file = await writeBundle(project, 'MyApp_amd64.AppImage');
  expect(await publish('1.2.0', file)).toMatchObject({ code: 0 });

  const failed = await publish('1.2.0', await writeBundle(project, 'Other_amd64.AppImage'));
  expect(failed.code).toBe(EXIT.conflict);
  const section = sections.find(({ heading }) => heading === 'Errors');
  const withoutHash = (text: string) => JSON.parse(text.replace(/\b[0-9a-f]{64}\b/, '<sha256>'));
  expect(withoutHash(JSON.stringify(failed.document))).toEqual(
    withoutHash(blocksIn(section?.text ?? '', 'json')[0]?.text ?? 'null'),
  );
});

test('release.artifacts is there where the page of JSON output says so', async () => {
  const { project, publish, remote } = await serveApp();
  const file = await writeBundle(project, 'MyApp_amd64.AppImage');
  const listed = { release: { artifacts: [{ target: 'linux' }] } };
  const finish = ['publish', 'finish', '--release', '1.3.0', ...remote];
  expect((await publish('1.2.0', file)).document.release).not.toHaveProperty('artifacts');
  expect((await publish('1.2.0', file)).document).toMatchObject({ status: 'unchanged', ...listed });
  expect((await publish('1.3.0', file, '--draft')).document).toMatchObject({ status: 'draft', ...listed });
  const finished = (await runJson(finish)).document;
  expect(finished).toMatchObject({ status: 'published', artifacts: [{ file: null, action: 'skipped' }] });
  expect(finished.release).not.toHaveProperty('artifacts');
  expect((await runJson(finish)).document).toMatchObject({ status: 'unchanged', ...listed });
  const expecting = await publish('1.4.0', file, '--expect', 'linux-x86_64');
  expect(expecting.document).toMatchObject({ status: 'published', ...listed });

  const create = ['publish', 'release', '--version', '1.5.0', '--notes', 'Faster.', ...remote];
  expect(shapeOf((await runJson(create)).document)).toEqual(shown('publish release'));
  expect((await runJson(create)).document).toMatchObject({
    status: 'published',
    channel: 'stable',
    artifacts: [],
  });
});
