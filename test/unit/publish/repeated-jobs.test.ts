import { describe, expect, test } from 'vitest';
import { publishArtifact } from '../../../src/publish/publish-artifact.ts';
import { atUpload } from '../../support/network/request-points.ts';
import { type PublishWorld, startPublishWorld, wayWhere } from '../../support/publish/publish-world.ts';
import { DEB, LINUX, MAC, WINDOWS, writeArtifact } from '../../support/tauri/local-file.ts';

/*
 * Jobs that are run again, and have built other bytes.
 */

const build = (attempt: number) => ({ job: 'github.com/o/app/actions/runs/7/Release/build', attempt });
const BOTH = ['linux-x86_64', 'windows-x86_64'];

/** The hashes that the only release lists. */
async function hashesIn(world: PublishWorld): Promise<(string | undefined)[]> {
  const [release] = await world.releases();
  return release?.artifacts?.map(({ sha256 }) => sha256) ?? [];
}

describe('field 3: a job that is run again with other bytes', () => {
  test('replaces its file in a draft, and the release goes live with the new one', async () => {
    const world = await startPublishWorld([LINUX, WINDOWS]);
    const [linux] = world.filesOf(LINUX);
    await world.run({ artifacts: world.filesOf(LINUX), expect: BOTH, run: build(1) });
    const rebuilt = await writeArtifact(world.folder, LINUX);
    expect(rebuilt.sha256).not.toBe(linux?.sha256);
    const { outcome, publisher } = await world.run({ artifacts: [rebuilt], expect: BOTH, run: build(2) });
    expect(outcome).toMatchObject({
      status: 'draft',
      artifacts: [{ action: 'upload', replaces: true }],
    });
    expect(publisher.events).toContainEqual(
      expect.objectContaining({
        type: 'upload_started',
        artifact: expect.objectContaining({ replaces: true }),
      }),
    );
    expect(await hashesIn(world)).toEqual([rebuilt.sha256]);
    const last = await world.run({ artifacts: world.filesOf(WINDOWS), expect: BOTH });
    expect(last.outcome).toMatchObject({
      status: 'published',
      artifacts: expect.arrayContaining([
        expect.objectContaining({ ...LINUX, sha256: rebuilt.sha256, verified: true }),
      ]),
    });
  });

  test('takes the release live with the new file, if that was the last one', async () => {
    const world = await startPublishWorld([LINUX, WINDOWS]);
    // The first attempt is killed during its second upload.
    const way = world.connect();
    let uploads = 0;
    way.transport.before = (request) => {
      if (atUpload(request) && ++uploads === 2) throw new Error('killed');
    };
    await world.run({ expect: BOTH, run: build(1), concurrency: 1 }, way);
    expect(await hashesIn(world)).toHaveLength(1);
    const rebuilt = [await writeArtifact(world.folder, LINUX), await writeArtifact(world.folder, WINDOWS)];
    const { outcome } = await world.run({ artifacts: rebuilt, expect: BOTH, run: build(2) });
    expect(outcome).toMatchObject({
      status: 'published',
      artifacts: [{ replaces: true, verified: true }, { verified: true }],
    });
    expect(await world.offered(LINUX)).toBe('1.2.0');
  });

  test('only replaces what is different, and what it does not build any more stays', async () => {
    const world = await startPublishWorld([LINUX, DEB, MAC]);
    await world.run({ draft: true, run: build(1) });
    const deb = await writeArtifact(world.folder, DEB);
    const [linux] = world.filesOf(LINUX);
    if (linux === undefined) throw new Error('it was written');
    const { outcome } = await world.run({ artifacts: [linux, deb], draft: true, run: build(2) });
    expect(outcome).toMatchObject({ artifacts: [{ action: 'skip' }, { action: 'upload', replaces: true }] });
    const [mac] = world.filesOf(MAC);
    expect((await hashesIn(world)).toSorted()).toEqual([linux.sha256, deb.sha256, mac?.sha256].toSorted());
  });

  test('replaces it by a single step, too', async () => {
    const world = await startPublishWorld([LINUX]);
    await world.run({ draft: true, run: build(1) });
    const { file } = await writeArtifact(world.folder, LINUX);
    const request = { ...LINUX, file, release: '1.2.0', run: build(2) };
    const artifact = await publishArtifact(world.connect().publisher, request);
    expect(artifact).toMatchObject({ action: 'upload', replaces: true });
    expect(await hashesIn(world)).toEqual([artifact.sha256]);
  });

  test('is shown what it would replace, and changes nothing, in a dry run', async () => {
    const world = await startPublishWorld([LINUX]);
    await world.run({ draft: true, run: build(1) });
    const before = await hashesIn(world);
    const rebuilt = await writeArtifact(world.folder, LINUX);
    const { outcome, transport } = await world.run({
      artifacts: [rebuilt],
      draft: true,
      run: build(2),
      dryRun: true,
    });
    expect(outcome).toMatchObject({ status: 'planned', artifacts: [{ replaces: true }] });
    expect(transport.writes).toEqual([]);
    expect(await hashesIn(world)).toEqual(before);
  });
});

describe('field 3: another file for a platform that a draft has is a conflict', () => {
  test.each([
    ['of another job', build(1), { job: 'other', attempt: 2 }],
    ['of another job of the same attempt, with the same name', build(2), build(2)],
    ['of an earlier attempt', build(2), build(1)],
    ['of a job without a name', build(1), undefined],
    ['for the file of a job without a name', undefined, build(2)],
    ['of no job for that of no job', undefined, undefined],
  ])('%s', async (_, first, second) => {
    const world = await startPublishWorld([LINUX]);
    await world.run({ draft: true, run: first });
    const before = await hashesIn(world);
    const rebuilt = await writeArtifact(world.folder, LINUX);
    const { outcome, transport } = await world.run({ artifacts: [rebuilt], draft: true, run: second });
    expect(outcome).toMatchObject({ code: 'conflict', issueIds: ['file.other_bytes'] });
    expect(transport.writes).toEqual([]);
    expect(await hashesIn(world)).toEqual(before);
  });

  test('of a later attempt, once the release is live', async () => {
    const world = await startPublishWorld([LINUX]);
    await world.run({ run: build(1) });
    const rebuilt = await writeArtifact(world.folder, LINUX);
    const { outcome, transport } = await world.run({ artifacts: [rebuilt], run: build(2) });
    expect(outcome).toMatchObject({ code: 'conflict', issueIds: ['file.other_bytes'] });
    expect(transport.writes).toEqual([]);
  });

  test('of a later attempt, if the release goes live during its upload', async () => {
    const world = await startPublishWorld([LINUX]);
    const [linux] = world.artifacts;
    await world.run({ draft: true, run: build(1) });
    const rebuilt = await writeArtifact(world.folder, LINUX);
    const [draft] = await world.releases();
    const way = wayWhere(world, atUpload, () => {
      const { client } = world.connect().publisher;
      const required = [{ ...LINUX, sha256: linux?.sha256 ?? '' }];
      return client.publishRelease(world.app.id, draft?.id ?? '', { required });
    });
    const { outcome } = await world.run({ artifacts: [rebuilt], draft: true, run: build(2) }, way);
    expect(outcome).toMatchObject({ code: 'conflict' });
    expect(await hashesIn(world)).toEqual([linux?.sha256]);
    expect(await world.offered(LINUX)).toBe('1.2.0');
  });
});
