import { HttpResponse, http } from 'msw';
import { describe, expect, test } from 'vitest';
import type { Platform } from '../../../../src/protocol/platform.ts';
import { rollBack } from '../../../../src/publish/execute/rollback.ts';
import { inOrder, ScriptedTransport } from '../../../support/network/scripted-transport.ts';
import { APP_ID, BaseServer, SERVER } from '../../../support/publish/base-server.ts';
import { artifact, BASE, OURS, release } from '../../../support/publish/plan-inputs.ts';
import { publisherOver } from '../../../support/publish/test-publisher.ts';
import { DEB, LINUX, MAC } from '../../../support/tauri/local-file.ts';

const RELEASES = `${SERVER}/api/sync/ota/apps/${APP_ID}/releases`;
const CREATED = release('1.2.0');

const stored = ({ target, arch, bundleType }: Platform, sha256 = 'a'.repeat(64)) => ({
  ...{ target, arch, bundle_type: bundleType ?? null, file_size: 7, sha256, signature: 's' },
});
const deleted = () => new HttpResponse(null, { status: 204 });
const refused = (status: number, detail: string) => () => HttpResponse.json({ detail }, { status });

/** Rolls back a publish of Linux and its deb, at a server that lists these and answers deletions like this, in turn. */
async function take(listed: unknown[], deletions: (() => Response)[] = []) {
  const transport = new ScriptedTransport(
    http.get(RELEASES, () => HttpResponse.json(listed)),
    http.delete(`${RELEASES}/${CREATED.id}`, inOrder(...deletions)),
  );
  const publisher = publisherOver(transport);
  const artifacts = [LINUX, DEB].map((platform) => ({
    ...artifact(platform),
    action: 'upload' as const,
    servedSignature: 's',
    body: { ...LINUX, file_size: 7 },
  }));
  await rollBack(publisher, { release: CREATED, artifacts, slug: 'my-app', server: OURS });
  const said = publisher.events.flatMap((event) =>
    event.type === 'rolled_back' ? [event.type] : event.type === 'warning' ? [event.message] : [],
  );
  return { said, deletions: transport.requests.filter(({ method }) => method === 'DELETE') };
}

describe('a release of this run is rolled back', () => {
  test.each([
    ['as created, without a file', []],
    ['with one of its files', [stored(LINUX)]],
    ['with all of its files', [stored(LINUX), stored(DEB)]],
  ])('%s, only if it has nothing else', async (_, artifacts) => {
    const outcome = await take([release('1.1.0'), { ...CREATED, artifacts }], [deleted]);
    expect(outcome.said).toEqual(['rolled_back']);
    expect(outcome.deletions.map(({ url }) => url.search)).toEqual([
      `?artifacts=${artifacts.length}&allow_stranding=true`,
    ]);
  });

  test('if the response to the deletion was lost, and the next one says that it does not exist', async () => {
    const answers = [() => HttpResponse.error(), refused(404, 'There is no such release.')];
    expect((await take([{ ...CREATED, artifacts: [] }], answers)).said).toEqual(['rolled_back']);
  });

  test('only if it was not deleted by someone else', async () => {
    expect(await take([release('1.1.0')])).toEqual({ said: [], deletions: [] });
  });
});

describe('a release of this run stays', () => {
  test.each([
    ['a platform of another job', [stored(LINUX), stored(MAC)], 'darwin-aarch64'],
    ['another bundle type', [stored({ ...LINUX, bundleType: 'rpm' })], 'linux-x86_64-rpm'],
    ['other bytes for its platform', [stored(LINUX, 'b'.repeat(64))], 'linux-x86_64'],
  ])('with %s', async (_, artifacts, name) => {
    const outcome = await take([{ ...CREATED, artifacts }]);
    expect(outcome).toEqual({
      said: [`1.2.0 was not rolled back: another job uploaded ${name}`],
      deletions: [],
    });
  });

  test('if others add to it at the same moment', async () => {
    const outcome = await take([{ ...CREATED, artifacts: [] }], [refused(412, 'Not exactly 0 artifacts.')]);
    expect(outcome.said).toEqual(['1.2.0 was not rolled back: another job has added files']);
  });

  test.each([
    [
      'lacks the permission to delete it',
      refused(403, 'The token lacks release:delete.'),
      1,
      /lacks release:delete/,
    ],
    ['gets no response', () => HttpResponse.error(), 6, /did not answer/],
  ])('if the token %s: that is a warning', async (_, answer, tries, words) => {
    const outcome = await take([{ ...CREATED, artifacts: [] }], Array(tries).fill(answer));
    expect(outcome.said).toEqual([expect.stringMatching(/^1\.2\.0 could not be rolled back: /)]);
    expect(outcome.said[0]).toMatch(words);
  });
});

describe('a release of this run, on a server that knows api.md only,', () => {
  async function takeFromBase(bucket: Readonly<Record<string, string>>, slug: string | undefined) {
    const server = new BaseServer();
    server.slug = 'my-app';
    server.createRelease({ version: '1.2.0', notes: '', signature: 's' });
    for (const [name, bytes] of Object.entries(bucket)) {
      server.bucket.set(`ota/my-app/1.2.0/${name}`, Buffer.from(bytes));
    }
    const remove = http.delete(`${RELEASES}/release-1`, () => {
      server.releases = [];
      return deleted();
    });
    const publisher = publisherOver(new ScriptedTransport(remove, ...server.handlers));
    const file = artifact(LINUX, {
      sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', // of "test"
    });
    const artifacts = [
      { ...file, action: 'upload' as const, servedSignature: 's', body: { ...LINUX, file_size: 4 } },
    ];
    await rollBack(publisher, {
      release: release('1.2.0', { id: 'release-1' }),
      artifacts,
      slug,
      server: BASE,
    });
    const said = publisher.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
    return { said, left: server.releases.length };
  }

  test.each([
    ['without a file', {}],
    ['with its file', { 'linux-x86_64': 'test' }],
  ])('is deleted %s', async (_, bucket) => {
    expect(await takeFromBase(bucket, 'my-app')).toEqual({ said: [], left: 0 });
  });

  test.each([
    ['another platform', { 'linux-x86_64': 'test', 'windows-aarch64': 'x' }, 'windows-aarch64'],
    ['other bytes', { 'linux-x86_64': 'other' }, 'linux-x86_64'],
  ])('stays if %s is served as part of it', async (_, bucket, name) => {
    const said = [`1.2.0 was not rolled back: another job uploaded ${name}`];
    expect(await takeFromBase(bucket, 'my-app')).toEqual({ said, left: 1 });
  });

  test('stays if the slug is unknown, and so also whether others have added files', async () => {
    expect(await takeFromBase({ 'windows-aarch64': 'x' }, undefined)).toEqual({
      said: ['1.2.0 was not rolled back: without --slug it is unknown whether other jobs have added files'],
      left: 1,
    });
  });
});
