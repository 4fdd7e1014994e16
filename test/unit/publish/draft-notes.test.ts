import { expect, test } from 'vitest';
import { keptNotesWarning } from '../../../src/publish/plan/release-notes.ts';
import { atCreation, type Point } from '../../support/network/request-points.ts';
import { startPublishWorld, wayWhere } from '../../support/publish/publish-world.ts';
import { namesOf } from '../../support/publish/release-watch.ts';
import { LINUX, MAC, WINDOWS } from '../../support/tauri/local-file.ts';

/*
 * The job that creates a draft may have no changelog, for instance because its file system distinguishes `Changelog.md`.
 */

const BOTH = namesOf([LINUX, MAC]);
const atUpdate: Point = ({ method }) => method === 'PATCH';

async function startWorld() {
  const world = await startPublishWorld([LINUX, MAC, WINDOWS]);
  const job = (platform: typeof LINUX, notes: string | undefined) => ({
    artifacts: world.filesOf(platform),
    expect: BOTH,
    notes,
  });
  return { ...world, job };
}

test('field 6: a draft without notes takes those of the next job, and goes live with them', async () => {
  const { run, job, releases } = await startWorld();
  await run(job(LINUX, undefined));
  const plan = await run({ ...job(MAC, 'Fixes.'), dryRun: true });
  expect(plan.outcome).toMatchObject({ status: 'planned', notes: 'Fixes.' });
  expect(plan.outcome.warnings).not.toContain(keptNotesWarning('1.2.0'));
  const [draft] = await releases();
  expect(plan.outcome.requests[0]).toMatch(new RegExp(`^PATCH .*/${draft?.id}$`));
  expect(draft).toMatchObject({ status: 'draft', notes: null });

  const { outcome, publisher } = await run(job(MAC, 'Fixes.'));
  expect(outcome).toMatchObject({ status: 'published', release: { notes: 'Fixes.' } });
  expect(publisher.events.map(({ type }) => type)).toContain('notes_added');
  expect(await releases()).toMatchObject([{ status: 'published', notes: 'Fixes.' }]);
});

test('field 6: a draft that has notes keeps them, and so does a live release without notes', async () => {
  const { run, job, releases } = await startWorld();
  await run(job(LINUX, 'First.'));
  const second = await run(job(MAC, 'Second.'));
  expect(second.outcome).toMatchObject({
    status: 'published',
    warnings: expect.arrayContaining([keptNotesWarning('1.2.0')]),
  });
  expect(await releases()).toMatchObject([{ notes: 'First.' }]);

  await run({ version: '1.3.0', notes: undefined });
  const late = await run({ version: '1.3.0', notes: 'Late.' });
  expect(late.outcome).toMatchObject({ status: 'unchanged' });
  expect(late.outcome.warnings).toContain(keptNotesWarning('1.3.0'));
  expect(late.transport.writes).toEqual([]);
});

test('field 6: of two jobs that fill the notes in at the same time the first one wins, and none fails', async () => {
  const world = await startWorld();
  const { run, job, releases } = world;
  await run({ artifacts: world.filesOf(LINUX), expect: namesOf([LINUX, MAC, WINDOWS]), notes: undefined });
  const expected = { expect: namesOf([LINUX, MAC, WINDOWS]) };
  const slow = wayWhere(world, atUpdate, () => run({ ...job(MAC, 'Fast.'), ...expected }));
  const { outcome, publisher } = await run({ ...job(WINDOWS, 'Slow.'), ...expected }, slow);
  expect(outcome).toMatchObject({ status: 'published', release: { notes: 'Fast.' } });
  expect(publisher.events).toContainEqual({ type: 'warning', message: keptNotesWarning('1.2.0') });
  expect(await releases()).toMatchObject([{ status: 'published', notes: 'Fast.' }]);
});

test('field 6: a job with notes fills in those of a draft that another job has created since it planned', async () => {
  const world = await startWorld();
  const { run, job, releases } = world;
  const way = wayWhere(world, atCreation, () => run(job(LINUX, undefined)));
  const { outcome } = await run(job(MAC, 'Fixes.'), way);
  expect(outcome).toMatchObject({ status: 'published' });
  expect(await releases()).toMatchObject([{ status: 'published', notes: 'Fixes.' }]);
});
