import { expect, describe as suite, test } from 'vitest';
import { describe, type Reported, toDocument } from '../../../../src/cli/output/publish-report.ts';
import type { ReleaseResponse } from '../../../../src/protocol/messages.ts';
import type { VerifiedFile } from '../../../../src/publish/server-state/published-file.ts';

const OWN: VerifiedFile = {
  target: 'linux',
  arch: 'x86_64',
  bundleType: 'deb',
  file: 'App.deb',
  size: 1024,
  sha256: 'a'.repeat(64),
  servedSignature: 's',
  signature: 's',
  action: 'upload',
  verified: true,
  url: 'https://ota.example/api/sync/ota/my-app/download/r1/linux/x86_64?bundle_type=deb',
};
/** A file that another job uploaded. */
const OTHER: VerifiedFile = {
  target: 'darwin',
  arch: 'aarch64',
  size: 2048,
  sha256: 'b'.repeat(64),
  servedSignature: 's',
  action: 'skip',
  verified: true,
  url: 'https://ota.example/api/sync/ota/my-app/download/r1/darwin/aarch64',
};
const stored = {
  target: 'linux',
  arch: 'x86_64',
  bundle_type: 'deb',
  file_size: 1024,
  sha256: 'a',
  signature: 's',
};
const release = (fields: Partial<ReleaseResponse> = {}): ReleaseResponse => ({
  id: 'r1',
  version: '1.2.0',
  ...fields,
});
const reported = (fields: Partial<Reported>): Reported => ({
  status: 'published',
  version: '1.2.0',
  release: release({ status: 'published' }),
  slug: 'my-app',
  artifacts: [OWN],
  warnings: [],
  ...fields,
});
const headline = (fields: Partial<Reported>) => describe(reported(fields))[0];

test('the JSON document has the same keys for a file of this run and for one of another job', () => {
  expect(toDocument(reported({ artifacts: [OWN, OTHER] })).artifacts).toEqual([
    {
      target: 'linux',
      arch: 'x86_64',
      bundle_type: 'deb',
      file: 'App.deb',
      size: 1024,
      sha256: 'a'.repeat(64),
      action: 'uploaded',
      url: OWN.url,
      verified: true,
    },
    {
      target: 'darwin',
      arch: 'aarch64',
      bundle_type: null,
      file: null,
      size: 2048,
      sha256: 'b'.repeat(64),
      action: 'skipped',
      url: OTHER.url,
      verified: true,
    },
  ]);
});

test('the text shows where each file was verified, with its bundle type', () => {
  const lines = describe(reported({ artifacts: [OWN, OTHER] }));
  expect(lines[0]).toBe('Published 1.2.0.');
  expect(lines[1]).toMatch(/^linux-x86_64-deb .* uploaded .*verified at .*\/linux\/x86_64\?bundle_type=deb$/);
  expect(lines[2]).toMatch(/^darwin-aarch64 .* skipped .*verified at .*\/darwin\/aarch64$/);
});

suite('the text for a release that is still a draft', () => {
  const expected = ['linux-x86_64', 'darwin-aarch64', 'windows-x86_64'];

  test.each<[string, Partial<ReleaseResponse>, string]>([
    [
      'names the command that takes it live',
      { status: 'draft' },
      '1.2.0 is a draft and not offered to anyone yet; `synckit-ota publish finish` takes it live.',
    ],
    [
      'names the platforms that are missing',
      { status: 'draft', expect: expected, artifacts: [stored] },
      '1.2.0 is a draft and not offered to anyone yet; it goes live once darwin-aarch64, windows-x86_64 are uploaded.',
    ],
    [
      'says that uploads are still running, if no platform is missing',
      { status: 'draft', expect: ['linux-x86_64'], artifacts: [stored] },
      '1.2.0 is a draft and not offered to anyone yet; it goes live when all started uploads finish.',
    ],
    [
      'says that another job took it live since',
      { status: 'published', expect: expected, artifacts: [stored] },
      '1.2.0 is live: another job finished it.',
    ],
  ])('%s', (_, fields, words) => {
    expect(headline({ status: 'draft', release: release(fields) })).toBe(words);
  });
});

suite('the text of a dry run', () => {
  test.each([
    [['PUT /slug'], 'Would send 1 request:\n  PUT /slug'],
    [['PUT /slug', 'POST /releases'], 'Would send 2 requests:\n  PUT /slug\n  POST /releases'],
  ])('lists %j', (requests, lines) => {
    const text = describe(reported({ status: 'planned', release: undefined, requests })).join('\n');
    expect(text).toMatch(/^Would create 1\.2\.0:\n/);
    expect(text.endsWith(lines)).toBe(true);
  });
});
