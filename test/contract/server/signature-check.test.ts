import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { setAppKey, setRequireBoundSignatures } from '../../../src/database/queries/apps.ts';
import { publicKeyIdOf } from '../../../src/protocol/minisign.ts';
import { LINUX, Publisher, startServer } from '../../support/publish/publisher.ts';
import { by } from '../../support/server/by.ts';
import { asLegacy, hashOf } from '../../support/tauri/legacy-signature.ts';
import { generateKey, type SigningKey, signFile } from '../../support/tauri/signer.ts';

const BYTES = Buffer.from('the app, version 1.2.0');

let folder: string;
let key: SigningKey;
let otherKey: SigningKey;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'synckit-ota-test-'));
  [key, otherKey] = await Promise.all([generateKey(folder, 'own'), generateKey(folder, 'other')]);
});
afterAll(() => rm(folder, { recursive: true }));

interface Put {
  readonly version?: string;
  readonly bytes?: Buffer;
  readonly requireBoundSignatures?: boolean;
}

let files = 0;
async function sign(bytes: Buffer, by: SigningKey, appVersion?: string): Promise<string> {
  const file = join(folder, `app-${files++}`);
  await writeFile(file, bytes);
  return readFile(await signFile(by, file, appVersion === undefined ? {} : { appVersion }), 'utf8');
}

/** Unless a test is about it, signatures need not name their version. */
const ANY_VERSION = { requireBoundSignatures: false };

async function put(signature: string, { version = '1.2.0', bytes = BYTES, ...settings }: Put = {}) {
  const app = await Publisher.on(await startServer(), { pubkey: key.publicKey, ...ANY_VERSION, ...settings });
  const url = await app.promise(version, bytes.length, { signature });
  return { app, reply: await app.put(url, bytes) };
}

describe('for an app with a public key', () => {
  test('an upload with a signature that verifies is accepted, and offered with that signature', async () => {
    const signature = await sign(BYTES, key, '1.2.0');
    const { app, reply } = await put(signature);
    expect(reply.statusCode).toBe(200);
    expect((await app.check('1.1.0')).json()).toMatchObject({ version: '1.2.0', signature });
    expect(await app.fetchOffer()).toEqual(BYTES);
  });

  describe('attack H4: where signatures have to name the version', () => {
    const bound = { requireBoundSignatures: true };

    test('an old file is refused as a new version, with its own signature', async () => {
      const { app, reply } = await put(await sign(BYTES, key), { version: '99.0.0', ...bound });
      expect(reply.statusCode).toBe(422);
      expect(reply.json()).toMatchObject({
        code: 'content_mismatch',
        errors: [{ field: 'signature', message: expect.stringContaining('names no version') }],
      });
      expect(await app.offered()).toBeUndefined();
    });

    test('a file that is signed for the version is accepted', async () => {
      expect((await put(await sign(BYTES, key, '1.2.0'), bound)).reply.statusCode).toBe(200);
    });

    test('the setting is on for a new app with a key, and can be changed', async () => {
      const server = await startServer();
      const app = await Publisher.on(server, { pubkey: key.publicKey });
      const upload = async (version: string) =>
        app.put(await app.promise(version, BYTES.length, { signature: await sign(BYTES, key) }), BYTES);
      const shown = async () => (await app.send('GET', '')).json().require_bound_signatures;
      expect([await shown(), (await upload('1.0.0')).statusCode]).toEqual([true, 422]);
      await setRequireBoundSignatures(server.database.queries, { appId: app.id, required: false }, by());
      expect([await shown(), (await upload('1.1.0')).statusCode]).toEqual([false, 200]);
      await setRequireBoundSignatures(server.database.queries, { appId: app.id, required: true }, by());
      expect((await upload('1.2.0')).statusCode).toBe(422);
    });
  });

  test('a signature that names no version is valid for any where that is allowed', async () => {
    const { reply } = await put(await sign(BYTES, key), { version: '7.0.0' });
    expect(reply.statusCode).toBe(200);
  });

  test('the release’s signature counts if the artifact has none', async () => {
    const app = await Publisher.on(await startServer(), { pubkey: key.publicKey, ...ANY_VERSION });
    const releaseId = await app.createRelease('1.2.0', await sign(BYTES, key));
    const other = Buffer.from('THE APP, version 1.2.0');
    const url = await app.requestUpload(releaseId, BYTES.length);
    expect((await app.put(url, other)).statusCode).toBe(422);
    expect((await app.put(url, BYTES)).statusCode).toBe(200);
  });

  const refused: [string, () => Promise<string>, RegExp][] = [
    ['of other bytes', () => sign(Buffer.from('THE APP, version 1.2.0'), key), /belongs to a different file/],
    ['by another key', () => sign(BYTES, otherKey), /public key is/],
    ['for another version', () => sign(BYTES, key, '1.2.1'), /signed for version 1\.2\.1/],
    ['for other build metadata', () => sign(BYTES, key, '1.2.0+5'), /signed for version 1\.2\.0\+5/],
    ['that is no signature', async () => 'nonsense', /base64|minisign/],
    ['attack M1: of the legacy kind', async () => asLegacy(await sign(BYTES, key)), /legacy/],
    ['cut short', async () => (await sign(BYTES, key)).slice(0, 100), /./],
    ['with a line end after it', async () => `${await sign(BYTES, key)}\n`, /white space/],
    [
      'in bare minisign text',
      async () => Buffer.from(await sign(BYTES, key), 'base64').toString(),
      /base64|white space/,
    ],
  ];

  test.each(refused)(
    'an upload with a signature %s is refused, and nothing is offered',
    async (_what, signature, reason) => {
      const { app, reply } = await put(await signature());
      expect(reply.statusCode).toBe(422);
      expect(reply.json()).toMatchObject({
        code: 'content_mismatch',
        errors: [{ field: 'signature', message: expect.stringMatching(reason) }],
      });
      expect(await app.offered()).toBeUndefined();
    },
  );

  test('attack M1: the hash of a signed file is refused with the legacy form of its signature', async () => {
    for (const version of [undefined, '1.2.0']) {
      const forged = asLegacy(await sign(BYTES, key, version));
      const { app, reply } = await put(forged, { bytes: hashOf(BYTES) });
      expect(reply.statusCode).toBe(422);
      expect(reply.json()).toMatchObject({ errors: [{ message: expect.stringContaining('legacy') }] });
      expect(await app.offered()).toBeUndefined();
    }
  });

  test('an upload with a wrong signature can be repeated with the right one', async () => {
    const app = await Publisher.on(await startServer(), { pubkey: key.publicKey, ...ANY_VERSION });
    const releaseId = await app.createRelease('1.2.0', await sign(BYTES, otherKey));
    const promise = (fields: object) => app.requestUpload(releaseId, BYTES.length, LINUX, fields);
    expect((await app.put(await promise({}), BYTES)).statusCode).toBe(422);
    const signature = await sign(BYTES, key);
    expect((await app.put(await promise({ signature }), BYTES)).statusCode).toBe(200);
    expect((await app.check('1.1.0')).json()).toMatchObject({ signature });
  });
});

describe('field 1: for an app with a public key, after a release handed over to another key', () => {
  async function publish(app: Publisher, version: string, by: SigningKey, fields: object = {}) {
    const release = { version, signature: await sign(BYTES, by), ...fields };
    const created = await app.send('POST', '/releases', { body: release });
    return app.put(await app.requestUpload(created.json().id, BYTES.length), BYTES);
  }
  const start = async () => Publisher.on(await startServer(), { pubkey: key.publicKey, ...ANY_VERSION });

  test('the other key is accepted, and so is the one that it hands over to', async () => {
    const app = await start();
    const third = await generateKey(folder, 'third');
    expect((await publish(app, '1.0.0', key, { embedded_pubkey: key.publicKey })).statusCode).toBe(200);
    expect((await publish(app, '1.1.0', key, { embedded_pubkey: otherKey.publicKey })).statusCode).toBe(200);
    expect((await publish(app, '1.2.0', otherKey, { embedded_pubkey: third.publicKey })).statusCode).toBe(
      200,
    );
    expect((await publish(app, '1.3.0', third)).statusCode).toBe(200);
    const { accepted_pubkeys: accepted } = (await app.send('GET', '')).json();
    const ids = [key, otherKey, third].map(({ publicKey }) => publicKeyIdOf(publicKey));
    expect(accepted.map(publicKeyIdOf)).toEqual(ids);
  });

  test('a key that only a draft carries, or a release that is signed with it, is refused', async () => {
    const app = await start();
    const bridge = { embedded_pubkey: otherKey.publicKey, draft: true };
    expect((await publish(app, '1.1.0', key, bridge)).statusCode).toBe(200);
    const refused = await publish(app, '1.2.0', otherKey, { embedded_pubkey: otherKey.publicKey });
    expect(refused.json()).toMatchObject({ code: 'content_mismatch', errors: [{ field: 'signature' }] });
  });

  test('a token that may only publish cannot record another key for a live release', async () => {
    const server = await startServer();
    const app = await Publisher.on(server, { pubkey: key.publicKey, ...ANY_VERSION });
    await publish(app, '1.0.0', key);
    const [live] = (await app.send('GET', '/releases')).json();
    const record = (token: string, embedded_pubkey: string) =>
      app.send('PATCH', `/releases/${live.id}`, { body: { embedded_pubkey }, token });
    const writer = await server.createToken(app.id, { scopes: ['release:write'] });
    expect((await record(writer, otherKey.publicKey)).json()).toMatchObject({ code: 'forbidden' });
    expect((await publish(app, '1.1.0', otherKey)).statusCode).toBe(422);
    expect((await record(writer, key.publicKey)).statusCode).toBe(200);
    expect((await record(app.token, otherKey.publicKey)).statusCode).toBe(409);
  });

  describe('attack handover: a token without app:admin and without the signing key gets no other key accepted', () => {
    const scopes = ['release:read', 'release:write', 'release:yank', 'release:edit', 'release:delete'];
    const startWithTokens = async () => {
      const app = await start();
      const token = () => app.server.createToken(app.id, { scopes });
      return { app, creator: app.with(await token()), thief: app.with(await token()) };
    };
    const carries = { embedded_pubkey: '' };
    const acceptedBy = async (app: Publisher) => (await app.send('GET', '')).json().accepted_pubkeys.length;

    test.each([
      ['live at once', {}],
      ['a draft', { draft: true }],
      ['with build metadata', { version: '1.0.0+again' }],
    ])('by publishing a deleted version once more: %s', async (_, fields) => {
      const { app, thief } = await startWithTokens();
      expect((await publish(app, '1.0.0', key)).statusCode).toBe(200);
      const [live] = (await app.send('GET', '/releases')).json();
      await thief.send('DELETE', `/releases/${live.id}?allow_stranding=true`);
      const body = { version: '1.0.0', embedded_pubkey: otherKey.publicKey, ...fields };
      expect((await thief.send('POST', '/releases', { body })).json()).toMatchObject({ code: 'forbidden' });
      const empty = { version: '1.0.0', draft: true };
      const { id } = (await thief.send('POST', '/releases', { body: empty })).json();
      const patch = { embedded_pubkey: otherKey.publicKey };
      const patched = await thief.send('PATCH', `/releases/${id}`, { body: patch });
      expect(patched.json()).toMatchObject({ code: 'forbidden' });
      expect(await acceptedBy(app)).toBe(1);
    });

    test.each([
      ['that says its key', { embedded_pubkey: 'own' }],
      ['that does not', {}],
    ])(
      'by changing the draft of another token %s',
      async (_, { embedded_pubkey }: Partial<typeof carries>) => {
        const { creator, thief } = await startWithTokens();
        const body = {
          version: '1.0.0',
          draft: true,
          ...(embedded_pubkey && { embedded_pubkey: key.publicKey }),
        };
        const { id } = (await creator.send('POST', '/releases', { body })).json();
        const patch = { embedded_pubkey: otherKey.publicKey, replace_embedded_pubkey: true };
        const refused = await thief.send('PATCH', `/releases/${id}`, { body: patch });
        expect(refused.json()).toMatchObject({ status: 403, code: 'forbidden' });
        expect((await creator.send('PATCH', `/releases/${id}`, { body: patch })).statusCode).toBe(200);
      },
    );
  });

  test('the key that is set later replaces the first one', async () => {
    const app = await start();
    expect(
      await setAppKey(
        app.server.services.database.queries,
        { appId: app.id, pubkey: otherKey.publicKey },
        by(),
      ),
    ).toBe(true);
    expect((await publish(app, '1.0.0', otherKey)).statusCode).toBe(200);
    expect((await publish(app, '1.1.0', key)).statusCode).toBe(422);
  });
});

test('for an app without a public key any text is passed through as the signature', async () => {
  const app = await Publisher.on(await startServer());
  const url = await app.promise('1.2.0', BYTES.length, { signature: 'any scheme at all' });
  expect((await app.put(url, BYTES)).statusCode).toBe(200);
  expect((await app.check('1.1.0')).json()).toMatchObject({ signature: 'any scheme at all' });
});
