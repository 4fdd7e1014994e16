import { unlink } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { markLost } from '../../../src/database/queries/lost-files.ts';
import { type BundleType, type Platform, platformName } from '../../../src/protocol/platform.ts';
import { times } from '../../support/process/torture.ts';
import { LINUX, Publisher, requireStatus, startServer } from '../../support/publish/publisher.ts';
import { testKey } from '../../support/publish/routed-releases.ts';
import { type Answers, askEverything } from '../../support/server/answers.ts';

const APPIMAGE: Platform = { ...LINUX, bundleType: 'appimage' };
const DEB: Platform = { ...LINUX, bundleType: 'deb' };
const ARM: Platform = { target: 'linux', arch: 'aarch64' };

interface File extends Platform {
  readonly bytes: string;
}

/** Uploads a file. @returns the status of the first request that was refused, else that of the PUT */
async function upload(app: Publisher, releaseId: string, file: File): Promise<number> {
  const { target, arch, bundleType, bytes } = file;
  const body = {
    ...{ target, arch, file_size: bytes.length, signature: 's' },
    ...(bundleType !== undefined && { bundle_type: bundleType }),
  };
  const granted = await app.send('POST', `/releases/${releaseId}/artifacts`, { body });
  if (granted.statusCode !== 201) return granted.statusCode;
  return (await app.put(granted.json().upload_url, Buffer.from(bytes))).statusCode;
}

async function create(app: Publisher, version: string, fields: object = {}): Promise<string> {
  const reply = await app.send('POST', '/releases', { body: { version, ...fields } });
  return requireStatus(reply, 201).json().id;
}

async function goLive(app: Publisher, releaseId: string, ...files: readonly File[]): Promise<void> {
  for (const file of files) expect(await upload(app, releaseId, file), platformName(file)).toBe(200);
  requireStatus(await app.send('POST', `/releases/${releaseId}/publish`, { body: [] }), 200);
}

/** A release that went live with these files, and its id. */
async function live(...files: readonly File[]): Promise<{ app: Publisher; id: string }> {
  const app = await Publisher.on(await startServer());
  const id = await create(app, '2.0.0', { draft: true });
  await goLive(app, id, ...files);
  return { app, id };
}

const ask = (app: Publisher, ...ids: readonly string[]) =>
  askEverything(app, { versions: ['0.0.0-0', '1.0.0'], releaseIds: ids });

/** What was answered is answered in the same way, or not at all. */
function expectKept(before: Answers, after: Answers): void {
  for (const [question, sha256] of before) {
    const now = after.get(question);
    if (now !== undefined) expect(now, question).toBe(sha256);
  }
}

/** The body of an update check. */
async function bodyFor(app: Publisher, { target, arch, bundleType }: Platform) {
  const query = bundleType === undefined ? '' : `?bundle_type=${bundleType}`;
  return (await app.get(`/api/sync/ota/${app.slug}/${target}/${arch}/0.0.0-0${query}`)).body;
}

describe('a release that is live', () => {
  test('attack H3: takes no file for all apps of a platform that gets others', async () => {
    const { app, id } = await live({ ...APPIMAGE, bytes: 'first' });
    const [before, body] = [await ask(app, id), await bodyFor(app, LINUX)];
    expect(await upload(app, id, { ...LINUX, bytes: 'other' })).toBe(409);
    expect(await ask(app, id)).toEqual(before);
    expect(await bodyFor(app, LINUX)).toBe(body);
  });

  test('attack F06: offers a preferred kind that is added only to apps that ask for it', async () => {
    const { app, id } = await live({ ...DEB, bytes: 'deb' });
    const [before, body] = [await ask(app, id), await bodyFor(app, LINUX)];
    expect(await upload(app, id, { ...APPIMAGE, bytes: 'appimage' })).toBe(200);
    expect(await bodyFor(app, LINUX)).toBe(body);
    const after = await ask(app, id);
    expectKept(before, after);
    expect(after.size).toBeGreaterThan(before.size);
    expect(JSON.parse(await bodyFor(app, APPIMAGE))).toMatchObject({ version: '2.0.0' });
    const [release] = (await app.send('GET', '/releases')).json();
    expect(release.artifacts).toMatchObject([
      { bundle_type: 'appimage', only_by_bundle_type: true },
      { bundle_type: 'deb' },
    ]);
  });

  test('attack H3: keeps all kinds that it went live with, the main one first', async () => {
    const { app, id } = await live({ ...DEB, bytes: 'deb' }, { ...APPIMAGE, bytes: 'appimage' });
    const before = JSON.parse(await bodyFor(app, LINUX));
    expect(Object.keys(before.platforms)).toEqual([
      'linux-x86_64-appimage',
      'linux-x86_64-deb',
      'linux-x86_64',
      'linux',
    ]);
    expect(await upload(app, id, { ...LINUX, bundleType: 'rpm', bytes: 'rpm' })).toBe(200);
    expect(JSON.parse(await bodyFor(app, LINUX))).toEqual(before);
  });

  test('takes files for a platform that no one was answered for', async () => {
    const { app, id } = await live({ ...APPIMAGE, bytes: 'first' });
    const before = await ask(app, id);
    expect(await upload(app, id, { ...ARM, bundleType: 'deb', bytes: 'arm' })).toBe(200);
    expect(JSON.parse(await bodyFor(app, ARM))).toMatchObject({ version: '2.0.0' });
    expectKept(before, await ask(app, id));
  });

  test('attack R07: comes back after its deletion with what it was answered with, and with nothing else', async () => {
    const { app, id } = await live({ ...APPIMAGE, bytes: 'appimage' }, { ...DEB, bytes: 'deb' });
    const before = await ask(app);
    await app.delete(id);
    expect((await ask(app)).size).toBe(0);
    const again = await create(app, '2.0.0', { draft: true });
    expect(await upload(app, again, { ...LINUX, bytes: 'other' })).toBe(409);
    expect(await upload(app, again, { ...APPIMAGE, bytes: 'other' })).toBe(409);
    await goLive(app, again, { ...DEB, bytes: 'deb' }, { ...LINUX, bundleType: 'rpm', bytes: 'rpm' });
    expectKept(before, await ask(app));
    expect(await bodyFor(app, LINUX)).toBe(''); // its main file is not back yet
    expect(await upload(app, again, { ...APPIMAGE, bytes: 'appimage' })).toBe(200);
    const after = await ask(app);
    expect([...before].every(([question, sha256]) => after.get(question) === sha256)).toBe(true);
  });

  test('attack R07: comes back without files for all apps where it had none', async () => {
    const { app, id } = await live({ ...APPIMAGE, bytes: 'appimage' });
    await app.delete(id);
    const again = await create(app, '2.0.0');
    expect(await upload(app, again, { ...LINUX, bytes: 'appimage' })).toBe(409);
    expect(await app.offered()).toBeUndefined();
  });

  test('attack H3: answers nothing instead of another kind while a file is lost', async () => {
    const { app, id } = await live({ ...APPIMAGE, bytes: 'appimage' }, { ...DEB, bytes: 'deb' });
    const before = await ask(app, id);
    await lose(app, id, APPIMAGE);
    const lost = await ask(app, id);
    expectKept(before, lost);
    expect(lost.size).toBeLessThan(before.size);
    expect(JSON.parse(await bodyFor(app, DEB))).toMatchObject({ version: '2.0.0' });
    expect(await upload(app, id, { ...APPIMAGE, bytes: 'appimage' })).toBe(200);
    expect(await ask(app, id)).toEqual(before);
  });

  test('leads apps to a lower one where a file is lost', async () => {
    const { app, id } = await live({ ...APPIMAGE, bytes: 'appimage' }, { ...DEB, bytes: 'deb' });
    const lower = await create(app, '1.5.0', { draft: true });
    await goLive(app, lower, { ...APPIMAGE, bytes: 'lower' });
    for (const version of ['1.6.0', '1.7.0']) {
      await goLive(app, await create(app, version, { draft: true }), { ...DEB, bytes: version });
    }
    await lose(app, id, DEB);
    expect(JSON.parse(await bodyFor(app, LINUX))).toMatchObject({ version: '1.7.0' });
    expect(JSON.parse(await bodyFor(app, APPIMAGE))).toMatchObject({ version: '2.0.0' });
    expect(JSON.parse(await bodyFor(app, DEB))).toMatchObject({ version: '1.7.0' });
  });

  test('links to its main file, whatever is added', async () => {
    const { app, id } = await live({ ...DEB, bytes: 'deb' });
    const latest = async () =>
      (await app.get(`/api/sync/ota/${app.slug}/latest/linux/x86_64`)).headers.location;
    const before = await latest();
    expect(await upload(app, id, { ...APPIMAGE, bytes: 'appimage' })).toBe(200);
    expect(await latest()).toBe(before);
  });

  test('may be answered differently where versions are reused', async () => {
    const app = await Publisher.on(await startServer({ allowVersionReuse: true }));
    const id = await create(app, '2.0.0', { draft: true });
    await goLive(app, id, { ...APPIMAGE, bytes: 'appimage' });
    await app.delete(id);
    await goLive(app, await create(app, '2.0.0', { draft: true }), { ...LINUX, bytes: 'other' });
    expect(await app.fetchOffer()).toEqual(Buffer.from('other'));
  });
});

async function lose(app: Publisher, releaseId: string, { bundleType }: Partial<Platform>): Promise<void> {
  const { queries } = app.server.database;
  const row = await queries
    .selectFrom('artifacts')
    .select('storage_key')
    .where('release_id', '=', releaseId)
    .where('bundle_type', '=', bundleType ?? '')
    .where('status', '=', 'complete')
    .executeTakeFirst();
  if (!row?.storage_key) return;
  await unlink(app.server.disk.path(row.storage_key)).catch(() => {});
  await markLost(queries, [row.storage_key], app.server.now);
}

const VERSIONS = ['1.0.0', '2.0.0'] as const;
const KINDS = ['', 'appimage', 'deb', 'rpm'] as const;
const KEYS = [testKey().text, testKey().text];

const version = fc.constantFrom(...VERSIONS);
const file = fc.record({
  target: fc.constant('linux' as const),
  arch: fc.constant('x86_64' as const),
  kind: fc.constantFrom(...KINDS),
  bytes: fc.constantFrom('one', 'two'),
});
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('create' as const), version, draft: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('upload' as const), version, file }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('publish' as const), version }) },
  fc.record({ do: fc.constantFrom('yank' as const, 'restore' as const, 'delete' as const), version }),
  fc.record({ do: fc.constant('lose' as const), version, kind: fc.constantFrom(...KINDS) }),
  fc.record({ do: fc.constant('key' as const), version, key: fc.constantFrom(...KEYS) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class History {
  readonly #app: Publisher;
  readonly #ids = new Map<string, string>();
  readonly #everyId = new Set<string>();
  readonly answered = new Map<string, string>();

  constructor(app: Publisher) {
    this.#app = app;
  }

  async take(next: Step): Promise<void> {
    await this.#do(next);
    const questions = {
      archs: ['x86_64'],
      versions: ['0.0.0-0', '1.0.0'],
      releaseIds: [...this.#everyId],
    } as const;
    const now = await askEverything(this.#app, questions);
    expectKept(this.answered, now);
    for (const [question, sha256] of now) this.answered.set(question, sha256);
  }

  async #do(next: Step): Promise<void> {
    const app = this.#app;
    if (next.do === 'create') {
      const { version, draft } = next;
      const reply = await app.send('POST', '/releases', { body: { version, draft } });
      if (reply.statusCode !== 201) return;
      this.#ids.set(version, reply.json().id);
      this.#everyId.add(reply.json().id);
      return;
    }
    const id = this.#ids.get(next.version);
    if (id === undefined) return;
    if (next.do === 'upload') {
      const { kind, ...platform } = next.file;
      const bundleType = kind === '' ? undefined : (kind satisfies BundleType);
      await upload(app, id, { ...platform, ...(bundleType && { bundleType }) });
    } else if (next.do === 'publish') await app.send('POST', `/releases/${id}/publish?allow_stranding=true`);
    else if (next.do === 'delete') await app.send('DELETE', `/releases/${id}?allow_stranding=true`);
    else if (next.do === 'lose') await lose(app, id, next.kind === '' ? {} : { bundleType: next.kind });
    else {
      const change =
        next.do === 'key'
          ? { embedded_pubkey: next.key, replace_embedded_pubkey: true }
          : { status: next.do === 'yank' ? 'yanked' : 'published' };
      await app.send('PATCH', `/releases/${id}`, { body: { ...change, allow_stranding: true } });
    }
  }
}

test('attack H3: whatever happens to it, a version is answered with the same files or with none', {
  timeout: 120_000,
}, async () => {
  let questions = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 60 }), async (steps) => {
      const app = await Publisher.on(await startServer());
      const history = new History(app);
      for (const version of VERSIONS)
        await history.take({ do: 'create', version, draft: version === '2.0.0' });
      for (const next of steps) await history.take(next);
      questions += history.answered.size;
    }),
    { numRuns: times(6, 500) },
  );
  expect(questions).toBeGreaterThan(50);
});
