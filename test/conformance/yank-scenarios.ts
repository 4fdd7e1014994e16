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

/** Design 4, extension `yank`. */
const yanks: readonly Scenario[] = [
  scenario(
    'a yanked release is not offered, the next lower one is, and what was offered still downloads; restored, it is back',
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
    'the notes of a release can be changed, and are offered as they are then',
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
    'a draft is neither yanked nor restored',
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
    'a change of what cannot be changed to is refused',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step((w) => w.updateRelease(1, { status: 'draft' }), invalid('status')),
      step((w) => w.updateRelease(1, { notes: 5 }), invalid('notes')),
      step((w) => w.updateRelease(1, { notes: '\ud800' }), invalid('notes')),
    ],
    'yank',
  ),
];

/** Design 4, extension `channel`. */
const channels: readonly Scenario[] = [
  scenario(
    'a channel is offered the higher of its own and of stable, and stable nothing of the channel',
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
    'a channel of another form is refused, when it is published to and when it is asked for',
    [
      step((w) => w.createRelease(1, { channel: 'Beta!' }), invalid('channel')),
      step((w) => w.check(LINUX, w.v('0-0'), w.slug, 'Beta!'), invalid('channel')),
    ],
    'channel',
  ),
];

/** Design 4, extensions `yank` and `channel`. */
export const yankScenarios: readonly Scenario[] = [...yanks, ...channels];
