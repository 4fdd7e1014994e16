import { type Expectation, type Scenario, type Step, scenario, step } from './scenario.ts';
import { LINUX, MAC, sha256, type World } from './world.ts';

const BUILD = 'github:o/app/release.yml/7/build';
const immutable: Expectation = { status: 409, problem: { code: 'immutable' } };

interface Run {
  readonly job?: unknown;
  readonly attempt?: unknown;
}

const attempt = (number: number, job = BUILD): Run => ({ job, attempt: number });
const bytesOf = (text: string) => Buffer.from(text);

const announce = (w: World, text: string, run: Run, platform = LINUX) =>
  w.requestUpload(1, platform, { file_size: text.length, sha256: sha256(bytesOf(text)), ...run });

const announces = (text: string, run: Run, platform = LINUX): Step =>
  step((w) => announce(w, text, run, platform), { status: 201 });
const isRefused = (text: string, run: Run): Step => step((w) => announce(w, text, run), immutable);
const sends = (text: string, platform = LINUX, wentLive = false): Step =>
  step((w) => w.put(1, platform, bytesOf(text)), {
    status: 200,
    byStore: true,
    has: { went_live: wentLive },
  });
const uploads = (text: string, run: Run, platform = LINUX): Step[] => [
  announces(text, run, platform),
  sends(text, platform),
];
/** The only file of the draft. */
const has = (text: string, run: object = {}): Step =>
  step(
    async (w) => {
      const reply = await w.appCall('GET', '/releases');
      const [release] = JSON.parse(reply.body.toString());
      return { ...reply, body: bytesOf(JSON.stringify({ files: release.artifacts })) };
    },
    { status: 200, has: { files: [{ sha256: sha256(bytesOf(text)), ...run }] } },
  );
const offers = (text: string, platform = LINUX): Step =>
  step((w) => w.fetchOffer(platform), { status: 200, bytes: bytesOf(text) });
const offersNothing: Step = step((w) => w.check(LINUX, w.v('0-0')), { status: 204 });
const isDraft: Step = step((w) => w.createRelease(1, { draft: true }), { status: 201 });
const waitsForBoth: Step = step((w) => w.createRelease(1, { expect: ['linux-x86_64', 'darwin-aarch64'] }), {
  status: 201,
});

const replaced: readonly Scenario[] = [
  scenario('field 3: a later attempt of a job replaces its file in a draft', [
    isDraft,
    ...uploads('one', attempt(1)),
    has('one', attempt(1)),
    ...uploads('other', attempt(2)),
    has('other', attempt(2)),
    offersNothing,
    step((w) => w.publishDraft(1, [{ ...requiredLinux('one') }]), {
      status: 422,
      problem: { code: 'incomplete', fields: ['linux-x86_64'] },
    }),
    step((w) => w.publishDraft(1, [requiredLinux('other')]), { status: 200 }),
    offers('other'),
  ]),
  scenario('field 3: a job with attempts that have no numbers replaces its file, too', [
    isDraft,
    ...uploads('one', { job: 'build-linux' }),
    ...uploads('other', { job: 'build-linux' }),
    has('other', { job: 'build-linux' }),
  ]),
  scenario(
    'field 3: a draft has a file at any time, also while it is being replaced',
    [
      isDraft,
      ...uploads('one', attempt(1)),
      announces('other', attempt(2)),
      has('one'),
      step((w) => w.put(1, LINUX, bytesOf('OTHER')), {
        status: 422,
        byStore: true,
        problem: { code: 'content_mismatch', fields: ['sha256'] },
      }),
      has('one'),
      sends('other'),
      has('other'),
    ],
    'own-storage',
  ),
  scenario('field 3: a draft goes live with the new file, at once when that was the last', [
    waitsForBoth,
    ...uploads('one', attempt(1)),
    announces('other', attempt(2)),
    ...uploads('mac', { job: 'mac' }, MAC),
    offersNothing, // the new file is on its way
    sends('other', LINUX, true),
    offers('other'),
    offers('mac', MAC),
  ]),
];

const kept: readonly Scenario[] = [
  scenario('field 3: two jobs, or two of one attempt, do not replace each other’s files', [
    isDraft,
    ...uploads('one', attempt(2)),
    isRefused('other', attempt(2)),
    isRefused('other', attempt(1)),
    isRefused('other', attempt(3, 'github:o/app/release.yml/8/build')),
    isRefused('other', { job: BUILD }),
    isRefused('other', {}),
    isRefused('one', attempt(3)), // the same bytes are there already
    has('one', attempt(2)),
  ]),
  scenario('field 3: a file of no job is replaced by none', [
    isDraft,
    ...uploads('one', {}),
    isRefused('other', {}),
    isRefused('other', attempt(2)),
    has('one'),
  ]),
  scenario(
    'field 3: an earlier attempt that is still uploading does not replace the later one’s file',
    [
      isDraft,
      step((w) => w.keep(announce(w, 'one', attempt(1))), { status: 201 }),
      ...uploads('other', attempt(2)),
      step((w) => w.putTo(keptUrl(w), bytesOf('one')), { ...immutable, status: 409 }),
      has('other'),
    ],
    'own-storage',
  ),
  scenario(
    'field 3: of two jobs that upload at once the first to arrive stays',
    [
      isDraft,
      step((w) => w.keep(announce(w, 'one', attempt(1))), { status: 201 }),
      ...uploads('other', attempt(1)),
      step((w) => w.putTo(keptUrl(w), bytesOf('one')), immutable),
      has('other'),
    ],
    'own-storage',
  ),
  scenario(
    'field 3: a file that is live, or was, is never replaced',
    [
      isDraft,
      ...uploads('one', attempt(1)),
      step((w) => w.keep(announce(w, 'other', attempt(2))), { status: 201 }),
      step((w) => w.publishDraft(1, [requiredLinux('one')]), { status: 200 }),
      step((w) => w.putTo(keptUrl(w), bytesOf('other')), immutable),
      isRefused('other', attempt(3)),
      offers('one'),
      step((w) => w.updateRelease(1, { status: 'yanked' }), { status: 200 }),
      isRefused('other', attempt(3)),
      step((w) => w.delete(1), { status: 204 }),
      isDraft,
      isRefused('other', attempt(3)),
      ...uploads('one', attempt(3)),
      isRefused('other', attempt(4)),
      has('one'),
    ],
    'own-storage',
    'yank',
  ),
  scenario(
    'field 3: a file that went live between the request and the upload is not replaced',
    [
      isDraft,
      ...uploads('one', attempt(1)),
      announces('other', attempt(2)),
      step((w) => w.publishDraft(1, [requiredLinux('one')]), { status: 200 }),
      step((w) => w.put(1, LINUX, bytesOf('other')), { ...immutable, byStore: true }),
      offers('one'),
    ],
    'own-storage',
  ),
  scenario('field 3: a job or an attempt of a wrong type is refused', [
    isDraft,
    ...[
      [{ job: '' }, 'job'],
      [{ job: 'a'.repeat(301) }, 'job'],
      [{ job: 7 }, 'job'],
      [{ job: 'a\0' }, 'job'],
      [{ job: 'a', attempt: -1 }, 'attempt'],
      [{ job: 'a', attempt: '2' }, 'attempt'],
      [{ attempt: 2 }, 'job'],
    ].map(([run, field]) =>
      step((w) => announce(w, 'one', run as Run), {
        status: 400,
        problem: { code: 'invalid_request', fields: [field as string] },
      }),
    ),
  ]),
];

/** Extension `replace-draft-files`. */
export const replacementScenarios: readonly Scenario[] = [...replaced, ...kept].map((each) => ({
  ...each,
  needs: ['replace-draft-files', 'draft', 'expect', ...each.needs],
}));

function requiredLinux(text: string) {
  return { target: 'linux', arch: 'x86_64', sha256: sha256(bytesOf(text)) };
}

function keptUrl(w: World): string {
  return JSON.parse(w.kept.body.toString()).upload_url;
}
