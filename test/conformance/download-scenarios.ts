import { expect } from 'vitest';
import { type Scenario, scenario, step } from './scenario.ts';
import { LINUX, MAC, type World } from './world.ts';

const HOUR = 60 * 60 * 1000;
const published = step((w) => w.publish(1), { status: 200 });
const location = async (w: World) => (await w.download(1)).headers.location ?? '';
const fetchRange = async (w: World, range: string) =>
  w.target.follow('GET', await location(w), { headers: { range } });

/** api.md, "Download Endpoint". */
export const downloadScenarios: readonly Scenario[] = [
  scenario('a download is redirected to a URL that serves the file without a token', [
    published,
    step((w) => w.download(1), { status: 302, headers: { location: expect.stringMatching(/^https?:\/\//) } }),
    step(
      async (w) => w.fetchFile(await location(w)),
      (w) => ({ status: 200, bytes: w.bytes(1) }),
    ),
  ]),
  scenario(
    'HEAD is answered like GET, without a body',
    [
      published,
      step((w) => w.download(1, LINUX, 'HEAD'), {
        status: 302,
        headers: { location: expect.stringMatching(/^https?:/) },
      }),
      step(
        async (w) => w.target.follow('HEAD', (await w.download(1, LINUX, 'HEAD')).headers.location ?? ''),
        (w) => ({
          status: 200,
          bytes: Buffer.alloc(0),
          headers: { 'content-length': String(w.bytes(1).length) },
        }),
      ),
    ],
    'ours',
  ),
  scenario(
    'a file is served as an attachment, and never as something to run',
    [
      published,
      step(
        async (w) => w.fetchFile(await location(w)),
        (w) => ({
          status: 200,
          headers: {
            'content-type': 'application/octet-stream',
            'content-length': String(w.bytes(1).length),
            'content-disposition': `attachment; filename="${w.slug}-${w.v(1)}-linux-x86_64"`,
            'accept-ranges': 'bytes',
          },
        }),
      ),
    ],
    'ours',
  ),
  scenario(
    'the URL of a redirect is valid for HEAD too, and browsers do not guess its content type',
    [
      published,
      step(
        async (w) => w.target.follow('HEAD', await location(w)),
        (w) => ({
          status: 200,
          bytes: Buffer.alloc(0),
          headers: {
            'content-length': String(w.bytes(1).length),
            'x-content-type-options': 'nosniff',
          },
        }),
      ),
    ],
    'own-storage',
    'ours',
  ),
  scenario(
    'a range of a file is served',
    [
      published,
      step(
        (w) => fetchRange(w, 'bytes=4-6'),
        (w) => ({
          status: 206,
          bytes: w.bytes(1).subarray(4, 7),
          headers: { 'content-range': `bytes 4-6/${w.bytes(1).length}`, 'content-length': '3' },
        }),
      ),
      step(
        (w) => fetchRange(w, 'bytes=4-'),
        (w) => ({ status: 206, bytes: w.bytes(1).subarray(4) }),
      ),
      step(
        (w) => fetchRange(w, 'bytes=-4'),
        (w) => ({ status: 206, bytes: w.bytes(1).subarray(-4) }),
      ),
    ],
    'ours',
  ),
  scenario(
    'a range beyond the file is refused',
    [
      published,
      step(
        (w) => fetchRange(w, 'bytes=100000-'),
        (w) => ({
          status: 416,
          byStore: true,
          hasNot: ['the app'],
          headers: { 'content-range': `bytes */${w.bytes(1).length}` },
          problem: { code: expect.any(String) },
        }),
      ),
    ],
    'ours',
  ),
  scenario('a download that does not exist is answered with 404', [
    published,
    step((w) => w.download(1, MAC), { status: 404, problem: { code: 'not_found' } }),
    step((w) => w.call('GET', `/${w.slug}-unknown/download/${w.releaseId(1)}/${LINUX}`), {
      status: 404,
      problem: { code: 'not_found' },
    }),
    step((w) => w.call('GET', `/${w.slug}/download/880b1700-0000-0000-0000-000000000000/${LINUX}`), {
      status: 404,
      problem: { code: 'not_found' },
    }),
  ]),
  scenario('a download for an undocumented platform is refused', [
    published,
    step((w) => w.download(1, 'beos/x86_64'), {
      status: 400,
      problem: { code: 'invalid_request', fields: ['target'] },
    }),
    step((w) => w.download(1, 'linux/sparc'), {
      status: 400,
      problem: { code: 'invalid_request', fields: ['arch'] },
    }),
  ]),
  scenario(
    'an artifact cannot be downloaded before its upload is complete',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step((w) => w.requestUpload(1), { status: 201 }),
      step((w) => w.download(1), { status: 404, problem: { code: 'not_found' } }),
    ],
    'ours',
  ),
  scenario(
    'a URL other than the redirect’s is refused',
    [
      published,
      step(async (w) => w.target.follow('GET', (await location(w)).replace(/\?.*/, '')), {
        status: 403,
        byStore: true,
        problem: { code: 'url_refused' },
      }),
      step(async (w) => w.target.follow('GET', (await location(w)).slice(0, -1)), {
        status: 403,
        byStore: true,
        problem: { code: 'url_refused' },
      }),
      step(async (w) => w.target.follow('PUT', await location(w), { body: w.bytes(1) }), {
        status: 405,
        byStore: true,
        problem: { code: 'method_not_allowed' },
      }),
    ],
    'ours',
  ),
  scenario(
    'the URL of a redirect is valid until it expires, and the next redirect has a fresh one',
    [
      published,
      step((w) => w.keep(w.download(1)), { status: 302 }),
      step(
        (w) => {
          w.target.advance?.(2 * HOUR);
          return w.target.follow('GET', w.kept.headers.location ?? '');
        },
        { status: 403, byStore: true, problem: { code: 'url_refused' }, hasNot: ['the app'] },
      ),
      step(
        async (w) => w.fetchFile(await location(w)),
        (w) => ({ status: 200, bytes: w.bytes(1) }),
      ),
    ],
    'clock',
  ),
];
