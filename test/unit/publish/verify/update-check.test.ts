import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpResponse, http } from 'msw';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parsePublicKey } from '../../../../src/protocol/minisign.ts';
import { fetchUpdate } from '../../../../src/publish/verify/fetch-update.ts';
import { checkForUpdate } from '../../../../src/publish/verify/update-check.ts';
import { ScriptedTransport } from '../../../support/network/scripted-transport.ts';
import { publisherOver } from '../../../support/publish/test-publisher.ts';
import {
  generateKeyInProcess,
  type InProcessKey,
  signInProcess,
} from '../../../support/tauri/in-process-signer.ts';
import { LINUX, sha256Of } from '../../../support/tauri/local-file.ts';

const CHECK = 'https://ota.example/api/sync/ota/my-app/linux/x86_64';
const FILE = 'https://ota.example/api/sync/ota/my-app/download/r1/linux/x86_64';
const OFFER = {
  version: '1.2.0',
  url: FILE,
  signature: 'sig',
  notes: null,
  pub_date: '2026-03-13T12:00:00Z',
};
const none = () => new HttpResponse(null, { status: 204 });

describe('checking for an update', () => {
  function ask(current: () => Response, lowest: () => Response = none, later: Record<string, string> = {}) {
    const transport = new ScriptedTransport(
      http.get(`${CHECK}/1.1.0`, current),
      http.get(`${CHECK}/0.0.0-0`, lowest),
      http.get('https://ota.example/api/sync/ota', () => new HttpResponse(null, { status: 404 })),
      ...Object.entries(later).map(([from, version]) =>
        http.get(`${CHECK}/${from}`, () => HttpResponse.json({ ...OFFER, version })),
      ),
    );
    return checkForUpdate(publisherOver(transport), { ...LINUX, slug: 'my-app', currentVersion: '1.1.0' });
  }

  test('returns the available update', async () => {
    expect(await ask(() => HttpResponse.json(OFFER))).toEqual({
      kind: 'update',
      update: OFFER,
      file: { url: FILE, signature: 'sig' },
    });
  });

  test.each([
    ['nothing is published for the platform', none, /nothing is offered for linux-x86_64/],
    [
      'the newest is not newer',
      () => HttpResponse.json({ ...OFFER, version: '1.1.0' }),
      /linux-x86_64 is 1\.1\.0, which is not newer than 1\.1\.0$/,
    ],
  ])('pains 9: says why there is none: %s', async (_, lowest, reason) => {
    expect(await ask(none, lowest)).toEqual({ kind: 'no_update', reason: expect.stringMatching(reason) });
  });

  test('field 1: says that a newer version is not offered to it, after the steps that lead there', async () => {
    const lowest = () => HttpResponse.json({ ...OFFER, version: '1.0.0' });
    expect(await ask(none, lowest, { '1.0.0': '1.2.0' })).toEqual({
      kind: 'no_update',
      reason: expect.stringMatching(/^1\.2\.0 is newer .* 1\.1\.0 is not offered it/),
    });
    expect(await ask(none, lowest, { '1.0.0': '1.1.0' })).toEqual({
      kind: 'no_update',
      reason: expect.stringMatching(/1\.1\.0, which is not newer/),
    });
  });

  test.each([
    ['version', 'latest', 'is not strict semver'],
    ['version', '1.2', 'is not strict semver'],
    ['version', '1.2.18446744073709551616', 'has a number above 18446744073709551615'],
    ['url', '/download', 'is not an absolute http(s) URL'],
    ['url', 'ftp://ota.example/file', 'is not an absolute http(s) URL'],
    ['pub_date', '', 'is not RFC 3339'],
    ['pub_date', '2026-03-13 12:00:00', 'is not RFC 3339'],
  ])('pains 9: names the %s %j that installed apps would reject', async (field, value, words) => {
    await expect(ask(() => HttpResponse.json({ ...OFFER, [field]: value }))).rejects.toMatchObject({
      code: 'not_the_api',
      message: expect.stringContaining(`${field} "${value}" ${words}`),
    });
  });

  test.each([
    { version: 'v1.2.0' },
    { pub_date: null },
    { pub_date: '2026-03-13T12:00:00.5+01:00' },
    { notes: 'n' },
  ])('accepts %j, as Tauri does', async (fields) => {
    expect(await ask(() => HttpResponse.json({ ...OFFER, ...fields }))).toMatchObject({
      kind: 'update',
      update: { ...OFFER, ...fields },
    });
  });

  const OTHER = { url: 'https://ota.example/other', signature: 'other' };

  test.each([
    ['attack G07: a lower version', { version: '1.0.9' }, '1.0.9 is not higher than 1.1.0'],
    ['attack G07: its own version', { version: '1.1.0' }, '1.1.0 is not higher than 1.1.0'],
    ['attack G08: files for other platforms', { platforms: { 'darwin-aarch64': OTHER } }, 'linux-x86_64'],
    ['attack G08: no file at all', { platforms: {} }, 'linux-x86_64'],
  ])('refuses %s, which no installed app takes', async (_, fields, words) => {
    await expect(ask(() => HttpResponse.json({ ...OFFER, ...fields }))).rejects.toMatchObject({
      code: 'verification_failed',
      message: expect.stringContaining(words),
    });
  });

  test('takes other build metadata as higher, as Tauri does', async () => {
    const update = await ask(() => HttpResponse.json({ ...OFFER, version: '1.1.0+1' }));
    expect(update.kind).toBe('update');
  });

  test('attack G08: takes the file among the platforms, not the one beside them', async () => {
    const platforms = { 'linux-x86_64': OTHER };
    expect(await ask(() => HttpResponse.json({ ...OFFER, platforms }))).toMatchObject({ file: OTHER });
  });

  test.each([
    [404, 'usage'],
    [503, 'network'],
  ])('does not mistake %i for "no update"', async (status, code) => {
    await expect(ask(() => new HttpResponse(null, { status }))).rejects.toMatchObject({ code });
  });
});

describe('fetching an update', () => {
  let folder: string;
  let key: InProcessKey;
  let otherKey: InProcessKey;
  let signature: string;
  const bytes = randomBytes(50_000);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'synckit-ota-test-'));
    [key, otherKey] = [generateKeyInProcess(), generateKeyInProcess()];
    const file = join(folder, 'bundle.bin');
    await writeFile(file, bytes);
    signature = await readFile(await signInProcess(key, file), 'utf8');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  function fetchSigned(
    fields: {
      served?: Buffer;
      signature?: string;
      version?: string;
      key?: InProcessKey | null;
      expected?: { sha256: string; blake2b512: Buffer };
    } = {},
  ) {
    const { served = bytes, version = '1.2.0' } = fields;
    const answer = () => HttpResponse.arrayBuffer(new Uint8Array(served).buffer);
    const transport = new ScriptedTransport(http.get(FILE, answer));
    const publicKey = fields.key === null ? undefined : parsePublicKey((fields.key ?? key).publicKey);
    const offered = { url: new URL(FILE), version, signature: fields.signature ?? signature };
    return fetchUpdate(transport, { ...offered, publicKey, expected: fields.expected });
  }

  test('measures and verifies it as Tauri does', async () => {
    expect(await fetchSigned()).toEqual({
      kind: 'fetched',
      size: bytes.length,
      sha256: sha256Of(bytes),
      announcedSha256: undefined,
      signature: { valid: true, version: '1.2.0' },
    });
  });

  test('verifies the signature with a hash that is known of the same bytes, and of no others', async () => {
    const hashOf = (of: Buffer) => createHash('blake2b512').update(of).digest();
    const expected = { sha256: sha256Of(bytes), blake2b512: hashOf(bytes) };
    expect(await fetchSigned({ expected })).toMatchObject({ signature: { valid: true } });
    const served = randomBytes(50_000);
    const different = { valid: false, reason: expect.stringContaining('belongs to a different file') };
    expect(await fetchSigned({ expected, served })).toMatchObject({
      sha256: sha256Of(served),
      signature: different,
    });
    const wrong = { ...expected, blake2b512: hashOf(served) };
    expect(await fetchSigned({ expected: wrong })).toMatchObject({ signature: different });
  });

  test('verifies nothing without a key', async () => {
    expect(await fetchSigned({ key: null })).toMatchObject({ signature: undefined });
  });

  test.each([
    ['other bytes', () => ({ served: randomBytes(50_000) }), /belongs to a different file/],
    ['another key', () => ({ key: otherKey }), /signed with key/],
    ['another version than the signed one', () => ({ version: '1.3.0' }), /signed for version 1\.2\.0/],
    ['a newline after the signature', () => ({ signature: `${signature}\n` }), /white space/],
    ['no signature', () => ({ signature: '' }), /the signature is/],
  ])('finds %s', async (_, fields, reason) => {
    expect(await fetchSigned(fields())).toMatchObject({
      signature: { valid: false, reason: expect.stringMatching(reason) },
    });
  });
});
