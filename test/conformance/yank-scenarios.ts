import { type Expectation, type Scenario, type Step, scenario, step } from './scenario.ts';
import { LINUX } from './world.ts';

const invalid = (...fields: string[]): Expectation => ({
  status: 400,
  problem: { code: 'invalid_request', fields },
});
const offers = (patch: number | string, channel?: string): Step =>
  step(
    (w) => w.check(LINUX, w.v('0-0'), w.slug, channel),
    (w) => ({ status: 200, has: { version: w.v(patch) } }),
  );

/** Extension `yank`. */
const yanks: readonly Scenario[] = [
  scenario(
    'a yanked release is not offered, but the next lower one is, and earlier downloads continue; once restored, it is offered again',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.publish(2), { status: 200 }),
      step((w) => w.updateRelease(2, { status: 'yanked' }), { status: 200, has: { status: 'yanked' } }),
      offers(1),
      step((w) => w.download(2), { status: 302 }),
      step((w) => w.updateRelease(2, { status: 'yanked' }), { status: 200, has: { status: 'yanked' } }),
      step((w) => w.updateRelease(2, { status: 'published' }), { status: 200, has: { status: 'published' } }),
      offers(2),
    ],
    'yank',
  ),
  scenario(
    'the notes of a release can be changed, and are offered with the change',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.updateRelease(1, { notes: 'Mended.' }), { status: 200, has: { notes: 'Mended.' } }),
      step((w) => w.check(LINUX, w.v('0-0')), { status: 200, has: { notes: 'Mended.' } }),
      step((w) => w.updateRelease(1, { notes: null }), { status: 200, has: { notes: null } }),
      step((w) => w.updateRelease(1, {}), { status: 200, has: { notes: null, status: 'published' } }),
    ],
    'yank',
  ),
  scenario(
    'field 6: notes for a release without notes change only those of a draft that has none',
    [
      step((w) => w.createRelease(1, { draft: true, notes: null }), { status: 201 }),
      step((w) => w.updateRelease(1, { notes: 'First.', only_if_empty: true }), {
        status: 200,
        has: { notes: 'First.', status: 'draft' },
      }),
      step((w) => w.updateRelease(1, { notes: 'Second.', only_if_empty: true }), {
        status: 200,
        has: { notes: 'First.' },
      }),
      step((w) => w.updateRelease(1, { notes: 'Third.', only_if_empty: false }), {
        status: 200,
        has: { notes: 'Third.' },
      }),
      step((w) => w.createRelease(2, { draft: true, notes: '' }), { status: 201 }),
      step((w) => w.updateRelease(2, { notes: 'First.', only_if_empty: true }), {
        status: 200,
        has: { notes: 'First.' },
      }),
      step((w) => w.publish(3), { status: 200 }),
      step((w) => w.updateRelease(3, { notes: null }), { status: 200 }),
      step((w) => w.updateRelease(3, { notes: 'Late.', only_if_empty: true }), {
        status: 200,
        has: { notes: null },
      }),
    ],
    'yank',
    'draft',
  ),
  scenario(
    'a draft can be neither yanked nor restored',
    [
      step((w) => w.createRelease(1, { draft: true }), { status: 201 }),
      step((w) => w.updateRelease(1, { status: 'yanked' }), {
        status: 422,
        problem: { code: 'not_published' },
      }),
      step((w) => w.updateRelease(1, { status: 'published' }), {
        status: 422,
        problem: { code: 'not_published' },
      }),
    ],
    'yank',
    'draft',
  ),
  scenario(
    'an invalid change is refused',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step((w) => w.updateRelease(1, { status: 'draft' }), invalid('status')),
      step((w) => w.updateRelease(1, { notes: 5 }), invalid('notes')),
      step((w) => w.updateRelease(1, { notes: 'a', only_if_empty: 'yes' }), invalid('only_if_empty')),
      step((w) => w.updateRelease(1, { notes: '\ud800' }), invalid('notes')),
    ],
    'yank',
  ),
];

/** Extension `channel`. */
const channels: readonly Scenario[] = [
  scenario(
    'a channel is offered the highest release of its own and stable, and stable only its own',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.createRelease('2-beta.1', { channel: 'beta' }), {
        status: 201,
        has: { channel: 'beta' },
      }),
      step((w) => w.publish('2-beta.1'), { status: 200 }),
      offers(1),
      offers('2-beta.1', 'beta'),
      offers(1, 'nightly'),
      step((w) => w.publish(3), { status: 200 }),
      offers(3, 'beta'),
      offers(3, 'stable'),
    ],
    'channel',
  ),
  scenario(
    'an invalid channel is refused, both in a release and in a check',
    [
      step((w) => w.createRelease(1, { channel: 'Beta!' }), invalid('channel')),
      step((w) => w.check(LINUX, w.v('0-0'), w.slug, 'Beta!'), invalid('channel')),
    ],
    'channel',
  ),
];

/** Extensions `yank` and `channel`. */
export const yankScenarios: readonly Scenario[] = [...yanks, ...channels];
