import { expect, describe as suite, test } from 'vitest';
import {
  describe,
  type Reported,
  type ReportedArtifact,
  toDocument,
} from '../../../../src/cli/output/publish-report.ts';
import type { ReleaseResponse } from '../../../../src/protocol/messages.ts';

const OWN: ReportedArtifact = {
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
/** What another job has brought. */
const OTHER: ReportedArtifact = {
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
  release: release({ status: 'published' }),
  slug: 'my-app',
  artifacts: [OWN],
  warnings: [],
  ...fields,
});
const headline = (fields: Partial<Reported>) => describe(reported(fields), '1.2.0').split('\n')[0];

test('the document has the same keys for a file of this run and for one of another job', () => {
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

test('people read where each file was verified, with its kind of bundle', () => {
  const lines = describe(reported({ artifacts: [OWN, OTHER] }), '1.2.0').split('\n');
  expect(lines[0]).toBe('Published 1.2.0.');
  expect(lines[1]).toMatch(/^linux-x86_64-deb .* uploaded .*verified at .*\/linux\/x86_64\?bundle_type=deb$/);
  expect(lines[2]).toMatch(/^darwin-aarch64 .* skipped .*verified at .*\/darwin\/aarch64$/);
});

suite('what is left a draft', () => {
  const expected = ['linux-x86_64', 'darwin-aarch64', 'windows-x86_64'];

  test.each<[string, Partial<ReleaseResponse>, string]>([
    [
      'waits for a request',
      { status: 'draft' },
      '1.2.0 is a draft, which nobody is offered yet; `synckit-ota publish finish` takes it live.',
    ],
    [
      'waits for the platforms that are not there',
      { status: 'draft', expect: expected, artifacts: [stored] },
      '1.2.0 is a draft, which nobody is offered yet; it goes live with the last of darwin-aarch64, windows-x86_64.',
    ],
    [
      'waits for uploads that were begun',
      { status: 'draft', expect: ['linux-x86_64'], artifacts: [stored] },
      '1.2.0 is a draft, which nobody is offered yet; it goes live when every upload that was begun for it is complete.',
    ],
    [
      'may be live by the time it is told of',
      { status: 'published', expect: expected, artifacts: [stored] },
      '1.2.0 is live: another job took it live.',
    ],
  ])('%s', (_, fields, words) => {
    expect(headline({ status: 'draft', release: release(fields) })).toBe(words);
  });
});
