import { type Envelope, payloadOf, sealEnvelope } from '../../../src/protocol/manifest/envelope.ts';
import {
  formatStatement,
  parseStatement,
  type ReleaseFacts,
  type Subject,
} from '../../../src/protocol/manifest/release-statement.ts';
import { generateKeyInProcess, type InProcessKey } from '../tauri/in-process-signer.ts';

/** What manifests are signed with unless another key is given. */
export const MANIFEST_KEY = generateKeyInProcess();

export type EnvelopeFields = Partial<Omit<ReleaseFacts, 'notesSha256'>> & {
  /** Undefined to say nothing of them. */
  readonly notesSha256?: string | null | undefined;
  readonly key?: InProcessKey;
  readonly app?: string;
  readonly files?: readonly Subject[];
};

export function signedFile(
  platforms: readonly string[] = ['linux-x86_64'],
  fields: Partial<Subject> = {},
): Subject {
  return {
    name: 'app.bin',
    digest: { sha256: 'a'.repeat(64) },
    annotations: { size: 1000, platforms: [...platforms], signingKeyId: null },
    ...fields,
  };
}

/** A signed statement about a release of one file, with these fields. */
export function signedEnvelope({ key = MANIFEST_KEY, ...fields }: EnvelopeFields): Envelope {
  return sealEnvelope(attestedStatement(fields), key.pair);
}

/** The same as the database takes it, accepted whoever has signed it. */
export function signedManifest(fields: EnvelopeFields) {
  const envelope = signedEnvelope(fields);
  const parsed = parseStatement(payloadOf(envelope));
  if (parsed.kind !== 'statement') throw new Error(parsed.reason);
  return {
    kind: 'manifest',
    document: JSON.stringify(envelope),
    statement: parsed.statement,
    isAccepted: () => true,
    signedBy: {},
  } as const;
}

/** The statement alone. */
export function attestedStatement({ app = 'my-app', files, ...fields }: Omit<EnvelopeFields, 'key'>): string {
  const release = {
    version: '1.2.0',
    releaseId: 'r1',
    channel: 'stable',
    requires: null,
    notesSha256: null,
    expects: [],
    createdAt: '2026-01-01T00:00:00Z',
    expiresAt: '2100-01-01T00:00:00Z',
    ...fields,
  } as ReleaseFacts;
  return formatStatement({ app, files: files ?? [signedFile()], release });
}
