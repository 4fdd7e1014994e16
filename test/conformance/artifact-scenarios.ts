import { expect } from 'vitest';
import { type Expectation, type Scenario, scenario, step } from './scenario.ts';
import { LINUX, MAC, sha256 } from './world.ts';

const PLATFORMS = [
  'linux/x86_64',
  'linux/aarch64',
  'darwin/x86_64',
  'darwin/aarch64',
  'windows/x86_64',
  'windows/aarch64',
];

const immutable: Expectation = { status: 409, problem: { code: 'immutable' } };

/** api.md, "Upload Artifacts": the request for an upload URL. */
export const artifactScenarios: readonly Scenario[] = [
  ...PLATFORMS.map((platform) =>
    scenario(
      `a request to upload for ${platform} is answered with a URL and the documented key, and nothing else`,
      [
        step((w) => w.createRelease('1-rc.1+5'), { status: 201 }),
        step(
          (w) => w.requestUpload('1-rc.1+5', platform),
          (w) => ({
            status: 201,
            is: {
              upload_url: expect.stringMatching(/^https?:\/\//),
              s3_key: `ota/${w.slug}/${w.v('1-rc.1+5')}/${platform.replace('/', '-')}`,
            },
          }),
        ),
      ],
    ),
  ),
  scenario(
    'a file that is not in parts is complete with its PUT at a server that stores it itself',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step((w) => w.requestUpload(1, LINUX, { sha256: sha256(w.bytes(1)), multipart: false }), {
        status: 201,
        hasNot: ['"multipart"', 'upload_id'],
      }),
      step((w) => w.put(1), { status: 200 }),
    ],
    'own-storage',
    'artifact-signature',
  ),
  scenario(
    'an upload URL begins with the public URL, whatever the request’s headers say',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step(
        (w) =>
          w.appCall('POST', `/releases/${w.releaseId(1)}/artifacts`, {
            json: { target: 'linux', arch: 'x86_64', file_size: 5 },
            headers: {
              'x-forwarded-host': 'evil.example',
              'x-forwarded-proto': 'gopher',
              forwarded: 'host=evil.example',
            },
          }),
        (w) => ({
          status: 201,
          has: {
            upload_url: expect.stringMatching(new RegExp(`^${w.target.publicUrl.replaceAll('.', '\\.')}/`)),
          },
          hasNot: ['evil.example', 'gopher'],
        }),
      ),
    ],
    'own-storage',
    'ours',
  ),
  scenario(
    'the signature and SHA-256 of an artifact are returned',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step(
        (w) => w.requestUpload(1, LINUX, { signature: 'of linux', sha256: sha256(w.bytes(1)) }),
        (w) => ({
          status: 201,
          has: { signature: 'of linux', sha256: sha256(w.bytes(1)) },
        }),
      ),
    ],
    'artifact-signature',
  ),
  scenario(
    'an artifact without a signature is refused when its release has none',
    [
      step((w) => w.createRelease(1, { signature: null }), { status: 201 }),
      step((w) => w.requestUpload(1), {
        status: 422,
        problem: { code: 'signature_required', fields: ['signature'] },
      }),
    ],
    'artifact-signature',
  ),
  scenario('an artifact for a release that is unknown or deleted is refused', [
    step((w) => w.createRelease(1), { status: 201 }),
    step((w) => w.delete(1), { status: 204 }),
    step((w) => w.requestUpload(1), { status: 404, problem: { code: 'not_found' } }),
    step(
      (w) =>
        w.appCall('POST', '/releases/880b1700-0000-0000-0000-000000000000/artifacts', {
          json: { target: 'linux', arch: 'x86_64', file_size: 5 },
        }),
      { status: 404, problem: { code: 'not_found' } },
    ),
  ]),
  scenario(
    'a complete platform accepts no second artifact, but other platforms accept theirs',
    [
      step((w) => w.publish(1, LINUX), { status: 200 }),
      step((w) => w.requestUpload(1, LINUX), immutable),
      step((w) => w.requestUpload(1, MAC), { status: 201 }),
    ],
    'ours',
  ),
  scenario(
    'of two pending uploads for one platform, the first that is complete stays',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step((w) => w.keep(w.requestUpload(1)), { status: 201 }),
      step((w) => w.requestUpload(1, LINUX, { file_size: 5 }), { status: 201 }),
      step((w) => w.put(1, LINUX, Buffer.from('first')), { status: 200 }),
      step(
        (w) => w.target.follow('PUT', JSON.parse(w.kept.body.toString()).upload_url, { body: w.bytes(1) }),
        immutable,
      ),
      step((w) => w.fetchOffer(), { status: 200, bytes: Buffer.from('first') }),
    ],
    'own-storage',
    'ours',
  ),
];
