import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createOutput, type OutputOptions } from '../../../../src/cli/output/output.ts';
import { PublishReporter } from '../../../../src/cli/output/publish-reporter.ts';
import { OtaError } from '../../../../src/errors.ts';
import type { PublishEvent } from '../../../../src/publish/publish-event.ts';

const ARTIFACT = { target: 'linux', arch: 'x86_64', file: 'dist/App.AppImage', size: 2_000_000 } as const;
const RELEASE = { id: 'r1', version: '1.2.0' };

let stderr = '';
const { isTTY, cursorTo, moveCursor, clearLine } = process.stderr;
const REAL = { isTTY, cursorTo, moveCursor, clearLine };

/** What a terminal's stream has besides: each moves the cursor. */
const CURSOR = Object.fromEntries(
  ['cursorTo', 'moveCursor', 'clearLine'].map((name) => [name, () => process.stderr.write('\u001b')]),
);

beforeEach(() => {
  stderr = '';
  Object.assign(process.stderr, CURSOR);
  vi.useFakeTimers({ now: 0 });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
});
afterEach(() => {
  Object.assign(process.stderr, REAL);
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Shows the events, half a second apart. */
function show(
  events: readonly PublishEvent[],
  {
    terminal = false,
    plain = false,
    ...options
  }: OutputOptions & { terminal?: boolean; plain?: boolean } = {},
) {
  process.stderr.isTTY = terminal;
  const reporter = new PublishReporter(createOutput(options, { plain, step: undefined }));
  for (const event of events) {
    reporter.report(event);
    vi.advanceTimersByTime(500);
  }
  reporter.stop();
  return stderr;
}

const upload: PublishEvent[] = [
  { type: 'upload_started', artifact: ARTIFACT },
  { type: 'upload_progress', artifact: ARTIFACT, sentBytes: 500_000 },
  { type: 'uploaded', artifact: ARTIFACT },
];

describe('progress without a terminal', () => {
  test('is a plain line when an upload starts, and one with its speed when it ends', () => {
    expect(show(upload)).toBe(
      'linux-x86_64: uploading App.AppImage (2 MB)\n' +
        'linux-x86_64: uploaded App.AppImage (2 MB) in 1.0 s (2 MB/s)\n',
    );
  });

  test.each<[PublishEvent, string]>([
    [{ type: 'warning', message: 'mind this' }, 'warning: mind this'],
    [{ type: 'slug_set', slug: 'my-app' }, 'slug my-app registered'],
    [{ type: 'release_created', release: RELEASE }, 'release 1.2.0 created (r1)'],
    [{ type: 'release_found', release: RELEASE }, 'release 1.2.0 already exists (r1)'],
    [{ type: 'skipped', artifact: ARTIFACT }, 'linux-x86_64: already uploaded, skipped'],
    [{ type: 'verified', platform: ARTIFACT }, 'linux-x86_64: verified: served file matches'],
    [
      { type: 'retrying', notice: { error: new OtaError('network', 'no answer'), attempt: 2, waitMs: 1500 } },
      'no answer; retrying in 1.5 s',
    ],
  ])('has a line for $type', (event, line) => {
    expect(show([event])).toBe(`${line}\n`);
    stderr = '';
    expect(show([event], { quiet: true })).toBe('');
  });

  test('has a line for hashing only with --verbose', () => {
    const hashing: PublishEvent = { type: 'hashing', file: 'App.AppImage' };
    expect(show([hashing])).toBe('');
    expect(show([hashing], { verbose: true })).toBe('hashing App.AppImage\n');
  });
});

describe('progress on a terminal', () => {
  test('is a redrawn line with size, speed and time left, removed when the upload ends', () => {
    const shown = show(upload, { terminal: true });
    expect(shown).toContain('25%  500 kB of 2 MB  1 MB/s  0:02 left  App.AppImage');
    expect(shown).not.toContain('uploading App.AppImage');
    expect(shown).toContain('linux-x86_64: uploaded App.AppImage (2 MB) in 1.0 s (2 MB/s)\n');
  });

  test.each([
    ['in a log', { plain: true }],
    ['where quiet is asked for', { quiet: true }],
  ])('is not redrawn %s', (_, options) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what moves a cursor
    expect(show(upload, { terminal: true, ...options })).not.toMatch(/\u001b/);
  });
});

test('a terminal shows that files are hashed, and that what is served is verified', () => {
  const release = RELEASE as Extract<PublishEvent, { type: 'went_live' }>['release'];
  expect(show([{ type: 'hashing', file: 'dist/App.AppImage' }], { terminal: true })).toContain(
    'hashing App.AppImage',
  );
  expect(show([{ type: 'went_live', release }], { terminal: true })).toContain('verifying what is served');
  stderr = '';
  expect(show([{ type: 'hashing', file: 'x' }], { terminal: true, quiet: true })).not.toContain('hashing x');
});
