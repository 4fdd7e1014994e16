import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatPublicKeyForTauri, generateSigningKeyPair } from '../../../../src/protocol/minisign-signer.ts';
import { devOverlay, formatOverlay, isDevOverlay } from '../../../../src/tauri/project/dev-overlay.ts';
import { mergePatch } from '../../../../src/tauri/project/merge-config.ts';
import { copyProject } from '../../../support/tauri/tauri-project.ts';

const { publicKey } = generateSigningKeyPair();
const overlay = devOverlay('http://127.0.0.1:4680', 'note-taker', publicKey);
const text = formatOverlay(overlay);

const ENDPOINT =
  'http://127.0.0.1:4680/api/sync/ota/note-taker/{{target}}/{{arch}}/{{current_version}}?bundle_type={{bundle_type}}';

describe('devOverlay', () => {
  test("merged with a project's configuration changes what an update needs, and nothing else", async () => {
    const file = join(await copyProject(), 'src-tauri/tauri.conf.json');
    const config = JSON.parse(await readFile(file, 'utf8'));
    expect(mergePatch(config, JSON.parse(text))).toEqual({
      ...config,
      bundle: { ...config.bundle, createUpdaterArtifacts: false },
      plugins: {
        updater: {
          pubkey: formatPublicKeyForTauri(publicKey),
          endpoints: [ENDPOINT],
          dangerousInsecureTransportProtocol: true,
        },
      },
    });
  });
});

describe('isDevOverlay', () => {
  test('recognises an overlay for another server and key', () => {
    expect(isDevOverlay(text)).toBe(true);
  });

  test.each<[string, string]>([
    ['nothing', ''],
    ['null', 'null'],
    ['text', 'my notes'],
    ['a configuration', '{"productName":"App"}'],
    ['one with an added field', text.replace('{', '{"version":"1.0.0",')],
    ['one with other formatting', JSON.stringify(overlay)],
    ['one with a second endpoint', text.replace(/"http.*"/, (endpoint) => `${endpoint}, ${endpoint}`)],
    ['one of another server', text.replace('127.0.0.1', 'updates.example.com')],
    ['endpoints that are none', text.replace(/\[[^\]]*\]/, '"http://127.0.0.1:1/api/sync/ota/a/b"')],
  ])('refuses %s', (_, other) => {
    expect(other).not.toBe(text);
    expect(isDevOverlay(other)).toBe(false);
  });
});
