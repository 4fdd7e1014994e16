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

/** A release that goes live with several files at once: what each of its platforms gets never changes afterwards. */
const publishesTogether = (patch: number, ...platforms: readonly string[]): Step[] => [
  step((w) => w.createRelease(patch, { draft: true }), { status: 201 }),
  ...platforms.flatMap((platform) => uploads(patch, platform)),
  step((w) => w.appCall('POST', `/releases/${w.releaseId(patch)}/publish`), { status: 200 }),
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
      ...publishesTogether(1, APPIMAGE, DEB),
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
      ...publishesTogether(1, RPM, DEB, APPIMAGE),
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
  ...[
    ['win32/x64', 'win32', 'win32-x64'],
    ['windows-x64/x86_64', 'windows-x64', 'windows-x64'],
    ['Windows/x86_64', 'Windows', 'Windows-x86_64'],
    ['Windows-x86_64/x86_64', 'Windows-x86_64', 'Windows-x86_64'],
    ['windows-x86_64/x86_64', 'windows', 'windows-x86_64'],
  ].map(([asked = '', target = '', platform = '']) =>
    scenario(
      `field 7: an app that asks for ${asked} finds all kinds under the names that it asked with`,
      [
        ...publishesTogether(1, 'windows/x86_64/msi', 'windows/x86_64/nsis'),
        step(
          (w) => w.check(asked, w.v('0-0')),
          (w) => {
            const entry = (kind: string) => ({
              url: `${w.target.publicUrl}/api/sync/ota/${w.slug}/download/${w.releaseId(1)}/windows/x86_64?bundle_type=${kind}`,
              signature: `signature of windows/x86_64/${kind}`,
            });
            const under = (os: string, name: string) => ({
              [os]: entry('nsis'),
              [name]: entry('nsis'),
              [`${name}-nsis`]: entry('nsis'),
              [`${name}-msi`]: entry('msi'),
            });
            return {
              status: 200,
              has: {
                ...entry('nsis'),
                platforms: { ...under('windows', 'windows-x86_64'), ...under(target, platform) },
              },
            };
          },
        ),
      ],
      'platforms',
    ),
  ),
  scenario(
    'field 7: a Mac with two files finds the one without a kind as the target that it asked for',
    [
      ...publishesTogether(1, 'darwin/aarch64/app', 'darwin/aarch64'),
      ...['darwin-universal/aarch64', 'macos/aarch64'].map((asked) =>
        step(
          (w) => w.check(asked, w.v('0-0')),
          () => ({
            status: 200,
            has: {
              platforms: { [asked.split('/')[0] ?? '']: { signature: 'signature of darwin/aarch64' } },
            },
          }),
        ),
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
    ],
    'platforms',
  ),
  scenario(
    'each bundle type is offered its own highest version',
    [
      ...publishesTogether(1, APPIMAGE, DEB),
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
      ...publishesTogether(1, RPM, DEB),
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
    'attack H3: what a live release answers stays, whatever is added to it',
    [
      ...publishesTogether(1, DEB),
      ...uploads(1, APPIMAGE),
      checks((w) => ({ status: 200, has: { url: urlOf(w, 1, 'deb') }, hasNot: ['platforms'] })),
      ...offersBundle(1, APPIMAGE),
      ...offersBundle(1, DEB),
      step(
        (w) => w.fetchFile(urlOf(w, 1)),
        (w) => ({ status: 200, bytes: bytesOf(w, 1, DEB) }),
      ),
      step((w) => w.requestUpload(1, LINUX), { status: 409, problem: { code: 'immutable' } }),
      step((w) => w.appCall('DELETE', `/releases/${w.releaseId(1)}`), { status: 204 }),
      ...publishesTogether(1, APPIMAGE),
      checks(nothing),
      ...offersBundle(1, APPIMAGE),
      ...uploads(1, DEB),
      checks((w) => ({ status: 200, has: { url: urlOf(w, 1, 'deb') }, hasNot: ['platforms'] })),
    ],
    'platforms',
    'close',
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
  ...customTargetScenarios(),
];

/** Extension `custom-targets`. */
function customTargetScenarios(): Scenario[] {
  const FIXED = 'windows-x86_64-fixed-webview2/x86_64';
  const WINDOWS = 'windows/x86_64';
  const offers = (platform: string, expected: Step['expected'] | Expectation, query = ''): Step =>
    step((w) => w.check(platform, `${w.v('0-0')}${query}`), expected);
  return [
    scenario(
      'a custom target is offered its own file with the documented fields, whatever bundle type asks',
      [
        step((w) => w.createRelease(1), { status: 201 }),
        step(
          (w) => w.requestUpload(1, FIXED),
          (w) => ({
            status: 201,
            has: { s3_key: `ota/${w.slug}/${w.v(1)}/windows-x86_64-fixed-webview2@x86_64` },
          }),
        ),
        step((w) => w.put(1, FIXED), { status: 200 }),
        ...['', '?bundle_type=nsis', '?bundle_type=unknown'].map((query) =>
          offers(
            FIXED,
            (w) => ({
              status: 200,
              is: {
                version: w.v(1),
                url: `${w.target.publicUrl}/api/sync/ota/${w.slug}/download/${w.releaseId(1)}/${FIXED}`,
                signature: 'signature of 1',
                notes: 'Notes.',
                pub_date: expect.any(String),
              },
            }),
            query,
          ),
        ),
        offers('Windows-x86_64-Fixed-WebView2/x86_64', (w) => ({ status: 200, has: { version: w.v(1) } })),
        step(
          async (w) => w.fetchFile(JSON.parse((await w.check(FIXED, w.v('0-0'))).body.toString()).url),
          (w) => ({ status: 200, bytes: w.bytes(1) }),
        ),
        step((w) => w.requestUpload(1, FIXED), { status: 409, problem: { code: 'immutable' } }),
      ],
      'custom-targets',
    ),
    scenario(
      'a custom target falls back to no platform, and no platform to a custom target',
      [
        step((w) => w.createRelease(1), { status: 201 }),
        ...uploads(1, `${WINDOWS}/nsis`),
        step((w) => w.createRelease(2), { status: 201 }),
        ...uploads(2, FIXED),
        offers(WINDOWS, (w) => ({ status: 200, has: { version: w.v(1) } })),
        offers(FIXED, (w) => ({ status: 200, has: { version: w.v(2) }, hasNot: ['platforms'] })),
        offers('windows-x86_64-fixed-webview2/aarch64', nothing),
        offers('windows-x86_64-fixed-webview1/x86_64', nothing),
      ],
      'custom-targets',
      'platforms',
    ),
    scenario(
      'what names a platform, or is mistyped for one, is no custom target',
      [
        step((w) => w.createRelease(1), { status: 201 }),
        ...[
          'linux-x86_64',
          'linux-x86_64-deb',
          'win32-x64',
          'darwin-universal',
          'linux-x86_46',
          'portable',
        ].map((target) => step((w) => w.requestUpload(1, `${target}/x86_64`), invalid('target'))),
        step((w) => w.requestUpload(1, `${FIXED}/nsis`), invalid('bundle_type')),
        offers('portable/x86_64', invalid('target')),
        offers(`a-${'b'.repeat(63)}/x86_64`, invalid('target')),
      ],
      'custom-targets',
      'platforms',
    ),
    scenario(
      'a custom target can be expected by its name',
      [
        step((w) => w.createRelease(1, { expect: ['linux-x86_64', 'acme-kiosk@armv7'] }), { status: 201 }),
        ...uploads(1, LINUX),
        offers(LINUX, nothing),
        ...uploads(1, 'acme-kiosk/armv7'),
        offers('acme-kiosk/armv7', (w) => ({ status: 200, has: { version: w.v(1) } })),
        offers(LINUX, (w) => ({ status: 200, has: { version: w.v(1) } })),
        step((w) => w.createRelease(2, { expect: ['acme-kiosk'] }), invalid('expect.0')),
        step((w) => w.createRelease(2, { expect: ['linux-x86_64@x86_64'] }), invalid('expect.0')),
      ],
      'custom-targets',
      'expect',
    ),
  ];
}
