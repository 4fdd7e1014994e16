import { expect } from 'vitest';
import { type Expectation, type Scenario, type Step, scenario, step } from './scenario.ts';
import { LINUX, type World } from './world.ts';

const APPIMAGE = 'linux/x86_64/appimage';
const DEB = 'linux/x86_64/deb';
const RPM = 'linux/x86_64/rpm';

const nothing: Expectation = { status: 204 };
const invalid = (...fields: string[]): Expectation => ({
  status: 400,
  problem: { code: 'invalid_request', fields },
});

const bytesOf = (w: World, patch: number, platform: string) => Buffer.from(`${w.v(patch)} for ${platform}`);

/** A file for a bundle type with its own signature; the release exists. */
const uploads = (patch: number, platform: string): Step[] => [
  step(
    (w) =>
      w.requestUpload(patch, platform, {
        file_size: bytesOf(w, patch, platform).length,
        signature: `signature of ${platform}`,
      }),
    { status: 201 },
  ),
  step((w) => w.put(patch, platform, bytesOf(w, patch, platform)), { status: 200 }),
];

const urlOf = (w: World, patch: number, bundleType?: string) =>
  `${w.target.publicUrl}/api/sync/ota/${w.slug}/download/${w.releaseId(patch)}/linux/x86_64${
    bundleType === undefined ? '' : `?bundle_type=${bundleType}`
  }`;

const checks = (expected: Step['expected'] | Expectation, query = ''): Step =>
  step((w) => w.check(LINUX, `${w.v('0-0')}${query}`), expected);

/** What an app gets that sends its bundle type. */
const offersBundle = (patch: number, platform: string): Step[] => {
  const bundleType = platform.split('/')[2];
  const query = `?bundle_type=${bundleType}`;
  return [
    checks(
      (w) => ({
        status: 200,
        is: {
          version: w.v(patch),
          url: urlOf(w, patch, bundleType),
          signature: `signature of ${platform}`,
          notes: 'Notes.',
          pub_date: expect.any(String),
        },
      }),
      query,
    ),
    step(
      async (w) => w.fetchFile(JSON.parse((await w.check(LINUX, w.v('0-0') + query)).body.toString()).url),
      (w) => ({ status: 200, bytes: bytesOf(w, patch, platform) }),
    ),
  ];
};

/** Extension `platforms`. */
export const platformScenarios: readonly Scenario[] = [
  scenario(
    'each bundle type of a platform has its own file, and an app that sends its bundle type gets that file or nothing',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      ...uploads(1, APPIMAGE),
      ...uploads(1, DEB),
      ...offersBundle(1, APPIMAGE),
      ...offersBundle(1, DEB),
      checks(nothing, '?bundle_type=rpm'),
      checks(nothing, '?bundle_type=msi'),
    ],
    'platforms',
  ),
  scenario(
    'an app that sends no bundle type gets the preferred file, and a list of all of them',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      ...uploads(1, RPM),
      ...uploads(1, DEB),
      ...uploads(1, APPIMAGE),
      ...[
        '',
        '?bundle_type=unknown',
        '?bundle_type={{bundle_type}}',
        '?bundle_type=%7B%7Bbundle_type%7D%7D',
      ].map((query) =>
        checks((w) => {
          const entry = (platform: string) => ({
            url: urlOf(w, 1, platform.split('/')[2]),
            signature: `signature of ${platform}`,
          });
          return {
            status: 200,
            is: {
              version: w.v(1),
              ...entry(APPIMAGE),
              notes: 'Notes.',
              pub_date: expect.any(String),
              platforms: {
                linux: entry(APPIMAGE),
                'linux-x86_64': entry(APPIMAGE),
                'linux-x86_64-appimage': entry(APPIMAGE),
                'linux-x86_64-deb': entry(DEB),
                'linux-x86_64-rpm': entry(RPM),
              },
            },
          };
        }, query),
      ),
    ],
    'platforms',
  ),
  scenario(
    'a platform with one bundle type is offered with the documented fields and no others',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      ...uploads(1, DEB),
      checks((w) => ({
        status: 200,
        is: {
          version: w.v(1),
          url: urlOf(w, 1, 'deb'),
          signature: `signature of ${DEB}`,
          notes: 'Notes.',
          pub_date: expect.any(String),
        },
      })),
    ],
    'platforms',
  ),
  scenario(
    'a request to upload a bundle type is answered with that type, and the key ends with it',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step(
        (w) => w.requestUpload(1, DEB),
        (w) => ({
          status: 201,
          is: {
            upload_url: expect.stringMatching(/^https?:\/\//),
            s3_key: `ota/${w.slug}/${w.v(1)}/linux-x86_64-deb`,
            bundle_type: 'deb',
          },
        }),
      ),
      step((w) => w.put(1, DEB), { status: 200 }),
      step((w) => w.requestUpload(1, DEB), { status: 409, problem: { code: 'immutable' } }),
      step((w) => w.requestUpload(1, RPM), { status: 201 }),
      step((w) => w.requestUpload(1, LINUX, { bundle_type: null }), { status: 201 }),
    ],
    'platforms',
  ),
  scenario(
    'each bundle type is offered its own highest version',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      ...uploads(1, APPIMAGE),
      ...uploads(1, DEB),
      step((w) => w.createRelease(2), { status: 201 }),
      ...uploads(2, APPIMAGE),
      ...offersBundle(2, APPIMAGE),
      ...offersBundle(1, DEB),
      checks((w) => ({ status: 200, has: { version: w.v(2) }, hasNot: ['platforms'] })),
    ],
    'platforms',
  ),
  scenario(
    'a download without a bundle type is the preferred file, and a missing bundle type is not found',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      ...uploads(1, RPM),
      ...uploads(1, DEB),
      step(
        (w) => w.fetchFile(urlOf(w, 1)),
        (w) => ({ status: 200, bytes: bytesOf(w, 1, DEB) }),
      ),
      step((w) => w.fetchFile(urlOf(w, 1, 'appimage')), { status: 404, problem: { code: 'not_found' } }),
      step((w) => w.fetchFile(urlOf(w, 1, 'dmg')), invalid('bundle_type')),
    ],
    'platforms',
  ),
  scenario(
    'bundle types that are unknown or belong to another system are refused',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step((w) => w.requestUpload(1, 'linux/x86_64/dmg'), invalid('bundle_type')),
      step((w) => w.requestUpload(1, 'linux/x86_64/unknown'), invalid('bundle_type')),
      step((w) => w.requestUpload(1, 'linux/x86_64/msi'), invalid('bundle_type')),
      step((w) => w.requestUpload(1, 'darwin/aarch64/deb'), invalid('bundle_type')),
      checks(invalid('bundle_type'), '?bundle_type=dmg'),
    ],
    'platforms',
  ),
  ...['i686', 'armv7', 'riscv64'].map((arch) =>
    scenario(
      `the arch ${arch} is a platform like the others`,
      [
        step((w) => w.publish(1, `linux/${arch}`), { status: 200 }),
        step(
          (w) => w.check(`linux/${arch}`, w.v('0-0')),
          (w) => ({ status: 200, has: { version: w.v(1) } }),
        ),
        checks(nothing),
      ],
      'platforms',
    ),
  ),
  scenario(
    'an expected platform is complete once all its pending bundle types are complete, and not before',
    [
      step((w) => w.createRelease(1, { expect: ['linux-x86_64'] }), { status: 201 }),
      step((w) => w.requestUpload(1, DEB), { status: 201 }),
      ...uploads(1, APPIMAGE),
      checks(nothing),
      step((w) => w.put(1, DEB), { status: 200 }),
      checks((w) => ({ status: 200, has: { version: w.v(1) } })),
    ],
    'platforms',
    'expect',
  ),
  scenario(
    'a bundle type can be expected by its name',
    [
      step((w) => w.createRelease(1, { expect: ['linux-x86_64-deb', 'linux-x86_64-rpm'] }), { status: 201 }),
      ...uploads(1, DEB),
      ...uploads(1, APPIMAGE),
      checks(nothing),
      ...uploads(1, RPM),
      checks((w) => ({ status: 200, has: { version: w.v(1) } })),
      step((w) => w.createRelease(2, { expect: ['linux-x86_64-msi'] }), invalid('expect.0')),
    ],
    'platforms',
    'expect',
  ),
  scenario(
    'an expired upload grant does not delay a release',
    [
      step((w) => w.createRelease(1, { expect: ['linux-x86_64'] }), { status: 201 }),
      step((w) => w.requestUpload(1, DEB), { status: 201 }),
      step(
        async (w) => {
          w.target.advance?.(2 * 60 * 60 * 1000);
          return w.requestUpload(1, APPIMAGE);
        },
        { status: 201 },
      ),
      step((w) => w.put(1, APPIMAGE), { status: 200 }),
      checks((w) => ({ status: 200, has: { version: w.v(1) } })),
    ],
    'platforms',
    'expect',
    'clock',
  ),
];
