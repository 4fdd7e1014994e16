import { expect, test } from 'vitest';
import { parseBundles } from '../../../../src/protocol/attestation/sigstore-bundle.ts';
import { parseRoot } from '../../../../src/protocol/attestation/trusted-root.ts';
import { parseBundle } from '../../../../src/protocol/manifest/envelope.ts';
import { parseStatement } from '../../../../src/protocol/manifest/release-statement.ts';

const HOSTILE = [
  ['is deep', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ['has millions of values', `{"attestations":[${'[],'.repeat(2_100_000)}[]]}`],
] as const;

test.each(HOSTILE)(
  'attack G11: JSON that %s is no attestation, manifest, statement or root',
  (_what, text) => {
    expect(parseBundles(text)).toBeUndefined();
    expect(parseBundle(text)).toEqual([]);
    expect(parseRoot(text)).toBeUndefined();
    expect(parseStatement(Buffer.from(text))).toEqual({ kind: 'malformed', reason: 'is not JSON' });
  },
);
