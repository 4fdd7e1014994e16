import { describe, expect, test } from 'vitest';
import { formatBundle, sealEnvelope } from '../../../../src/protocol/manifest/envelope.ts';
import {
  contradictions,
  filesFor,
  type Manifest,
  type OfferedUpdate,
  readManifest,
} from '../../../../src/protocol/manifest/manifest.ts';
import { digestOfNotes } from '../../../../src/protocol/manifest/release-statement.ts';
import { type Platform, parsePlatform } from '../../../../src/protocol/platform.ts';
import {
  type EnvelopeFields,
  MANIFEST_KEY,
  signedEnvelope,
  signedFile,
} from '../../../support/publish/signed-envelope.ts';
import { generateKeyInProcess } from '../../../support/tauri/in-process-signer.ts';

const NOW = new Date('2026-06-01T00:00:00Z');
const OTHER_KEY = generateKeyInProcess();
const KEYS = [MANIFEST_KEY.pair.publicKey];

const read = (...fields: EnvelopeFields[]) => readManifest(formatBundle(fields.map(signedEnvelope)), KEYS);

function manifest(...fields: EnvelopeFields[]): Manifest {
  const result = read(...fields);
  if (result.kind !== 'manifest') throw new Error(JSON.stringify(result));
  return result.manifest;
}

const file = (platform: string, digit: string) =>
  signedFile([platform], { digest: { sha256: digit.repeat(64) } });

describe('the statements about a release', () => {
  test('of several jobs are one manifest of all files', () => {
    const expects = ['linux-x86_64', 'darwin-aarch64'];
    const linux = { files: [file('linux-x86_64', 'a')], expects };
    const mac = { files: [file('darwin-aarch64', 'b')], expects };
    const { files, missing } = manifest(linux, mac);
    expect([...files.keys()]).toEqual(expects);
    expect(missing).toEqual([]);
    expect(manifest(linux).missing).toEqual(['darwin-aarch64']);
  });

  test('by other keys, and lines that are no statements, are ignored', () => {
    const own = signedEnvelope({});
    const other = signedEnvelope({ key: OTHER_KEY, version: '9.0.0' });
    const bundle = `${formatBundle([other, own])}{"another":"line"}\nno JSON\n\n`;
    expect(readManifest(bundle, KEYS)).toMatchObject({ kind: 'manifest', manifest: { version: '1.2.0' } });
    expect(readManifest(formatBundle([other]), KEYS)).toMatchObject({ kind: 'unknown_key' });
    expect(readManifest('<html>', KEYS)).toEqual({ kind: 'none' });
  });

  test('attack spoiled manifest: one that only names the key is ignored beside those that are signed with it', () => {
    const own = signedEnvelope({});
    const { payload } = signedEnvelope({ files: [file('darwin-aarch64', 'b')], notesSha256: 'c'.repeat(64) });
    const forged = { ...own, payload };
    for (const envelopes of [
      [own, forged],
      [forged, own],
    ]) {
      const result = readManifest(formatBundle(envelopes), KEYS);
      if (result.kind !== 'manifest') throw new Error(JSON.stringify(result));
      expect([...result.manifest.files.keys()]).toEqual(['linux-x86_64']);
    }
    expect(readManifest(formatBundle([forged]), KEYS)).toMatchObject({ kind: 'invalid' });
  });

  test('attack F18: of the same files the later one counts, in whatever order they come', () => {
    const early = { files: [file('linux-x86_64', 'a'), file('darwin-aarch64', 'c')], notesSha256: undefined };
    const late = { files: [file('linux-x86_64', 'b')], createdAt: '2026-02-01T00:00:00Z' };
    for (const fields of [
      [early, late],
      [late, early],
    ]) {
      const { files } = manifest(...fields);
      expect(files.get('linux-x86_64')?.digest.sha256).toBe('b'.repeat(64));
      expect(files.get('darwin-aarch64')?.digest.sha256).toBe('c'.repeat(64));
    }
    expect(read({ ...late, releaseId: 'other' }, early)).toMatchObject({ kind: 'invalid' });
    expect(read({ ...late, createdAt: '2026-01-01T00:00:00Z' }, early)).toMatchObject({ kind: 'invalid' });
  });

  test('are refused with one changed byte, or another signature', () => {
    const { payload, ...rest } = signedEnvelope({});
    const text = Buffer.from(payload, 'base64').toString('utf8');
    for (const [from, to] of [
      ['1.2.0', '1.3.0'],
      ['stable', 'beta'],
      ['"size":1000', '"size":1001'],
      ['2100-', '2200-'],
    ] as const) {
      const changed = { ...rest, payload: Buffer.from(text.replaceAll(from, to)).toString('base64') };
      expect(readManifest(formatBundle([changed]), KEYS), from).toMatchObject({ kind: 'invalid' });
    }
    const swapped = { payload, ...rest, signatures: signedEnvelope({ version: '1.1.0' }).signatures };
    expect(readManifest(formatBundle([swapped]), KEYS)).toMatchObject({ kind: 'invalid' });
  });

  test('are read with base64 of either alphabet', () => {
    const envelope = signedEnvelope({ notesSha256: digestOfNotes('???>>>') });
    const urlSafe = { ...envelope, payload: envelope.payload.replaceAll('+', '-').replaceAll('/', '_') };
    expect(readManifest(formatBundle([urlSafe]), KEYS).kind).toBe('manifest');
  });

  test.each<[string, EnvelopeFields]>([
    ['versions', { version: '1.3.0' }],
    ['channels', { channel: 'beta' }],
    ['requirements', { requires: '1.0.0' }],
    ['releases', { releaseId: 'r2' }],
    ['notes', { notesSha256: digestOfNotes('other') }],
    ['files for one platform', { files: [file('linux-x86_64', 'b')] }],
  ])('attack mix and match: of different %s are refused', (_, other) => {
    const files = [file('darwin-aarch64', 'c')];
    expect(read({}, { files, ...other }).kind).toBe('invalid');
    expect(read({}, { files }).kind).toBe('manifest');
  });

  test('is refused if it is JSON, and no release attestation', () => {
    const envelope = sealEnvelope('{"_type":"https://in-toto.io/Statement/v1"}', MANIFEST_KEY.pair);
    expect(readManifest(formatBundle([envelope]), KEYS)).toMatchObject({ kind: 'invalid' });
  });
});

describe('an offer', () => {
  const LINUX: Platform = { target: 'linux', arch: 'x86_64' };
  const OFFER: OfferedUpdate = {
    version: '1.2.0',
    notes: null,
    platform: LINUX,
    channel: undefined,
    currentVersion: '1.1.0',
    signingKeyId: undefined,
    file: { size: 1000, sha256: 'a'.repeat(64) },
  };
  const found = (fields: EnvelopeFields, offer: Partial<OfferedUpdate> = {}) =>
    contradictions(manifest(fields), { ...OFFER, ...offer }, NOW);

  test('that is what was signed contradicts nothing', () => {
    expect(found({})).toEqual([]);
    expect(found({ channel: 'beta' }, { channel: 'beta' })).toEqual([]);
    expect(found({ requires: '1.1.0' })).toEqual([]);
    expect(found({ notesSha256: digestOfNotes('Faster.') }, { notes: 'Faster.' })).toEqual([]);
    expect(found({ notesSha256: undefined }, { notes: 'whatever' })).toEqual([]);
  });

  test.each<[string, EnvelopeFields, Partial<OfferedUpdate>, string]>([
    ['attack freeze: it has expired', { expiresAt: '2026-05-31T00:00:00Z' }, {}, 'expired'],
    ['another version', {}, { version: '1.3.0' }, 'version is 1.2.0'],
    ['a channel that was not asked for', { channel: 'beta' }, {}, 'channel is beta'],
    ['it requires a higher version', { requires: '1.1.5' }, {}, 'requires 1.1.5'],
    ['other notes', { notesSha256: digestOfNotes('Faster.') }, { notes: 'Evil.' }, 'notes'],
    ['notes where there were none', {}, { notes: 'Evil.' }, 'notes'],
    ['another platform', { files: [file('darwin-aarch64', 'a')] }, {}, 'no file for linux-x86_64'],
    ['attack wrong software: another file', {}, { file: { size: 1000, sha256: 'b'.repeat(64) } }, 'SHA-256'],
    ['attack endless data: another size', {}, { file: { size: 9, sha256: 'a'.repeat(64) } }, '9 bytes'],
    ['another signing key', {}, { signingKeyId: 'AAAAAAAAAAAAAAAA' }, 'another key'],
  ])('is refused: %s', (_, fields, offer, words) => {
    expect(found(fields, offer)).toEqual([expect.stringContaining(words)]);
  });

  test.each([
    ['linux-x86_64-deb', ['linux-x86_64-deb']],
    ['linux-x86_64-rpm', ['linux-x86_64-rpm']],
    ['linux-x86_64-appimage', []],
    ['linux-x86_64', ['linux-x86_64-deb', 'linux-x86_64-rpm']],
  ])('to %s may be a file for %j', (name, expected) => {
    const kinds = ['linux-x86_64-deb', 'linux-x86_64-rpm'];
    const signed = manifest({ files: kinds.map((kind, i) => file(kind, String(i))) });
    const names = filesFor(signed, parsePlatform(name) as Platform).flatMap(
      ({ annotations }) => annotations.platforms,
    );
    expect(names).toEqual(expected);
  });
});
