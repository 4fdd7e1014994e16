import { expect, describe as group, test } from 'vitest';
import { type DevSession, describe, toDocument } from '../../../../src/cli/dev/dev-report.ts';
import { parsePublicKey } from '../../../../src/protocol/minisign.ts';
import { generateSigningKeyPair } from '../../../../src/protocol/minisign-signer.ts';
import type { VerifiedFile } from '../../../../src/publish/server-state/published-file.ts';

const { publicKey } = generateSigningKeyPair();

const artifact = (target: VerifiedFile['target']): VerifiedFile => ({
  target,
  arch: 'x86_64',
  file: `target/${target}.bundle`,
  size: 52_428_800,
  sha256: 'abc',
  signature: 'signature',
  servedSignature: 'signature',
  action: 'upload',
  verified: true,
});

const session: DevSession = {
  build: {
    name: 'Note Taker',
    isSample: false,
    version: '1.2.0+7',
    slug: 'note-taker',
    notes: undefined,
    artifacts: [],
    leftOut: [],
  },
  version: '1.2.1',
  url: 'http://127.0.0.1:4680',
  publicKey,
  overlayFile: '/tmp/overlay.json',
  artifacts: [artifact('linux'), artifact('darwin'), artifact('windows')],
};

group('describe', () => {
  test('shows the build, and how to see the update', () => {
    const text = describe(session).join('\n');
    expect(text).toContain('Serving 1.2.1 as the update of Note Taker 1.2.0+7 at http://127.0.0.1:4680\n');
    expect(text).toContain('  darwin-x86_64   52.4 MB  target/darwin.bundle\n');
    expect(text).toContain('  npx tauri dev --config /tmp/overlay.json\n');
    expect(text).toContain('  npx tauri build --debug --config /tmp/overlay.json\n');
    expect(text).toMatch(
      / {2}curl -i http:\/\/127\.0\.0\.1:4680\/api\/sync\/ota\/note-taker\/\w+\/x86_64\/1\.2\.0%2B7\n/,
    );
    expect(text).not.toContain('is not offered');
  });

  test.skipIf(process.platform === 'win32')(
    'field 5: keeps the configuration of the build before its own',
    () => {
      const configs = ['/app/tauri.prod.conf.json', '{"version":"1.0.0"}'];
      const text = describe({ ...session, build: { ...session.build, configs } }).join('\n');
      expect(text).toContain(
        `tauri dev --config /app/tauri.prod.conf.json --config '{"version":"1.0.0"}' --config /tmp/overlay.json\n`,
      );
    },
  );

  test.skipIf(process.platform === 'win32')('quotes a file name for the shell', () => {
    const text = describe({ ...session, overlayFile: "/tmp/my app's $HOME/overlay.json" }).join('\n');
    expect(text).toContain(`tauri dev --config '/tmp/my app'\\''s $HOME/overlay.json'\n`);
  });

  test('checks as a platform that something was built for', () => {
    const text = describe({ ...session, artifacts: [{ ...artifact('windows'), bundleType: 'nsis' }] }).join(
      '\n',
    );
    expect(text).toContain('--target windows --arch x86_64 --bundle-type nsis');
  });

  test('says so when the version is not newer', () => {
    expect(describe({ ...session, version: '1.2.0' }).join('\n')).toContain(
      'An app at 1.2.0+7 is not offered 1.2.0: ',
    );
  });
});

test('the JSON document has what a script needs', () => {
  const document = toDocument(session);
  expect(document).toMatchObject({
    url: 'http://127.0.0.1:4680',
    slug: 'note-taker',
    current_version: '1.2.0+7',
    version: '1.2.1',
    overlay: '/tmp/overlay.json',
    artifacts: [
      { target: 'linux', arch: 'x86_64', bundle_type: null, file: 'target/linux.bundle', size: 52_428_800 },
      { target: 'darwin' },
      { target: 'windows' },
    ],
  });
  expect(parsePublicKey(document.pubkey)).toEqual(publicKey);
  expect(toDocument({ ...session, overlayFile: undefined }).overlay).toBeNull();
});
