import { HttpResponse, http } from 'msw';
import { describe, expect, test } from 'vitest';
import { OtaClient } from '../../../../src/client/ota-client.ts';
import { download } from '../../../../src/client/transfer/download.ts';
import { put } from '../../../../src/client/transfer/presigned-put.ts';
import { OtaError } from '../../../../src/errors.ts';
import { ScriptedTransport } from '../../../support/network/scripted-transport.ts';

const API = 'https://ota.example/api/sync/ota';
const LINUX = { target: 'linux', arch: 'x86_64' } as const;

/** All that are registered, and what nginx, Cloudflare, IIS and AWS use besides. */
const STATUSES = [
  ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418],
  ...[419, 420, 421, 422, 423, 424, 425, 426, 428, 429, 430, 431, 440, 444, 449, 450, 451, 460, 463, 464],
  ...[494, 495, 496, 497, 498, 499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 509, 510, 511],
  ...[520, 521, 522, 523, 524, 525, 526, 527, 530, 561, 598, 599],
];
const PASSING = (status: number) =>
  [408, 425, 429].includes(status) || (status >= 500 && ![501, 505, 511].includes(status));
/** What a server that knows api.md only says by its status alone. */
const MEANT = new Map([
  [401, 'unauthorized'],
  [403, 'unauthorized'],
  [404, 'usage'],
  [409, 'conflict'],
]);

/** What it says by a text or JSON. */
const EXPLAINED = [400, 402, 405, 410, 412, 413, 415, 422, 423, 501];

/** Whether a server that knows api.md only may refuse in an operation with that status and body. */
function mayBeOfTheServer(name: string, status: number, text: string): boolean {
  if (text.startsWith('<')) return false;
  const isByUrl = name === 'download' || name.startsWith('the PUT');
  if (isByUrl && status === 410) return true;
  if (name === 'check' && [401, 402, 403, 405].includes(status)) return false;
  return MEANT.has(status) || (text !== '' && EXPLAINED.includes(status));
}

const BODIES: readonly (readonly [what: string, text: string, type: string | undefined])[] = [
  ['no body', '', undefined],
  ['text', 'no', 'text/plain'],
  ['a page', '<!doctype html><title>No</title>', 'text/html'],
  ['JSON of others', '{"message":"no","code":"rest_forbidden"}', 'application/json'],
];

interface Setting {
  readonly client: OtaClient;
  readonly transport: ScriptedTransport;
}

/** A PUT to a URL that the server handed out. A refusal of the URL would be answered with a fresh one. */
async function putTo(url: string, { client, transport }: Setting): Promise<unknown> {
  const body = (async function* () {
    yield Buffer.from('a');
  })();
  const result = await put(transport, { url, size: 1, body, server: client.serverKind });
  if (result.kind === 'url_refused') throw result.error;
  return result;
}

const OPERATIONS: readonly (readonly [string, (setting: Setting) => Promise<unknown>])[] = [
  ['check', ({ client }) => client.check({ ...LINUX, slug: 'my-app', currentVersion: '1.0.0' })],
  ['publish slug', ({ client }) => client.setSlug('a1', 'my-app')],
  ['createArtifact', ({ client }) => client.createArtifact('a1', 'r1', { ...LINUX, file_size: 7 })],
  ['the PUT of a file', (setting) => putTo(`${API}/upload/u1`, setting)],
  ['the PUT of a part', (setting) => putTo(`${API}/upload/u1/parts/1`, setting)],
  ['complete', ({ client }) => client.completeUpload('a1', { releaseId: 'r1', uploadId: 'u1' })],
  [
    'download',
    ({ client, transport }) =>
      download(transport, { url: client.downloadUrl('my-app', 'r1', LINUX), server: client.serverKind }),
  ],
];

type Known = 'nothing' | 'our server' | 'a base server';

/** A server that everything but what was known before is refused at. */
async function startSetting(known: Known, refuse: () => Response): Promise<Setting> {
  const transport = new ScriptedTransport(
    http.get(API, () =>
      known === 'our server'
        ? HttpResponse.json({ name: 'n', version: '1', extensions: [] })
        : new HttpResponse(null, { status: 404 }),
    ),
    http.get(`${API}/apps/known/releases`, () => HttpResponse.json([])),
    http.all('*', refuse),
  );
  const client = new OtaClient({ server: new URL('https://ota.example'), token: 'secret', transport });
  if (known !== 'nothing') await client.capabilities();
  if (known === 'a base server') await client.listReleases('known');
  return { client, transport };
}

async function errorOf(attempt: Promise<unknown>): Promise<OtaError> {
  const error = await attempt.then(
    (result) => new Error(`no error but ${JSON.stringify(result)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof OtaError) return error;
  throw error;
}

/** What a refusal in an operation ends with. @param seen what is known of the server */
async function refusalIn(
  operation: (setting: Setting) => Promise<unknown>,
  seen: Known,
  response: () => Response,
) {
  return errorOf(operation(await startSetting(seen, response)));
}

const respond =
  (status: number, [, text, type]: (typeof BODIES)[number]) =>
  () =>
    new HttpResponse(text === '' ? null : text, {
      status,
      ...(type && { headers: { 'content-type': type } }),
    });

describe.each(OPERATIONS)('field 12: a refusal without a problem, in %s', (name, operation) => {
  test.each(BODIES)('with %s is never our server’s', async (...body) => {
    for (const status of STATUSES) {
      const error = await refusalIn(operation, 'our server', respond(status, body));
      const code = PASSING(status) ? 'network' : 'not_the_api';
      expect({ status, code: error.code, inFront: error.inFront }).toEqual({ status, code, inFront: true });
      expect(error.hint, String(status)).toMatch(/\w{3}/);
    }
  });

  test.each(BODIES)(
    'with %s, where nothing of the API has answered yet, is of something in front',
    async (...body) => {
      for (const status of STATUSES) {
        if (mayBeOfTheServer(name, status, body[1])) continue;
        const error = await refusalIn(operation, 'nothing', respond(status, body));
        expect({ status, code: error.code }).toEqual({
          status,
          code: PASSING(status) ? 'network' : 'not_the_api',
        });
        expect(error.hint, String(status)).toMatch(/\w{3}/);
      }
    },
  );

  test.each(BODIES.filter(([what]) => what !== 'a page'))(
    'with %s and a status with a meaning of its own means that where no server is known',
    async (...body) => {
      if (name === 'check' || name === 'download') return;
      for (const [status, code] of MEANT) {
        const error = await refusalIn(operation, 'nothing', respond(status, body));
        expect({ status, code: error.code, inFront: error.inFront }).toEqual({
          status,
          code,
          inFront: false,
        });
        expect(error.hint, String(status)).toMatch(/\w{3}/);
      }
    },
  );

  test.each(BODIES)('with %s has a hint, whatever server has answered before', async (...body) => {
    for (const status of STATUSES) {
      if (name === 'download' && [403, 404, 410].includes(status)) continue; // no such file there
      const error = await refusalIn(operation, 'a base server', respond(status, body));
      expect(error.hint, `${status}: ${error.message}`).toMatch(/\w{3}/);
      if ([407, 414, 417, 418, 421, 431, 444, 451, 494, 496].includes(status)) {
        expect({ status, code: error.code, inFront: error.inFront }).toEqual({
          status,
          code: 'not_the_api',
          inFront: true,
        });
      }
    }
  });
});
