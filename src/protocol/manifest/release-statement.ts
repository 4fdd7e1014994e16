import { createHash } from 'node:crypto';
import Type, { type Static } from 'typebox';
import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';
import { CHANNEL_PATTERN } from '../channel.ts';
import { PLATFORM_NAME_PATTERN } from '../platform.ts';
import { fieldErrors, matches } from '../validate.ts';
import { MAX_VERSION_LENGTH, VERSION_PATTERN } from '../version.ts';

// An in-toto release attestation (https://github.com/in-toto/attestation, spec/predicates/release.md).

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const PREDICATE_TYPE = 'https://in-toto.io/attestation/release/v0.1';

const Version = Type.String({ pattern: VERSION_PATTERN, maxLength: MAX_VERSION_LENGTH });
const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Timestamp = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z$' });
const PlatformName = Type.String({ pattern: PLATFORM_NAME_PATTERN });
const Text = Type.String({ maxLength: 1024 });
const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** A file of the release: a subject, with what an installed app gets of it. */
const Subject = Type.Object({
  name: Text,
  digest: Type.Object({ sha256: Sha256 }),
  annotations: Type.Object({
    size: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    platforms: Type.Array(PlatformName, { minItems: 1, maxItems: 64, uniqueItems: true }),
    /** The id of the minisign key that the file is signed with; null for any other signature. */
    signingKeyId: Nullable(Text),
  }),
});
export type Subject = Static<typeof Subject>;

/** What a statement says of the release besides its files: the extension field of the predicate. */
const Release = Type.Object({
  version: Version,
  releaseId: Text, // the server's id of the release
  channel: Type.String({ pattern: CHANNEL_PATTERN }),
  requires: Nullable(Version),
  /** Of the release notes as UTF-8, null for none; absent where the job that signed it did not know them. */
  notesSha256: Type.Optional(Nullable(Sha256)),
  /** The public key that the build carries; absent where the job that signed it did not know it. */
  embeddedPubkey: Type.Optional(Text),
  /** All platforms that the release goes live with, where other jobs sign the other files; else empty. */
  expects: Type.Array(PlatformName, { maxItems: 64 }),
  createdAt: Timestamp,
  expiresAt: Timestamp,
});
export type ReleaseFacts = Static<typeof Release>;

export const ReleaseStatement = Type.Object({
  _type: Type.Literal(STATEMENT_TYPE),
  subject: Type.Array(Subject, { minItems: 1, maxItems: 64 }),
  predicateType: Type.Literal(PREDICATE_TYPE),
  predicate: Type.Object({ purl: Text, synckitOta: Release }),
});
export type ReleaseStatement = Static<typeof ReleaseStatement>;

/** A statement, or why a text is none: `reason` completes "the statement …". */
export type StatementResult =
  | { readonly kind: 'statement'; readonly statement: ReleaseStatement }
  | { readonly kind: 'malformed'; readonly reason: string };

export interface StatedRelease {
  /** The app's slug. */
  readonly app: string;
  readonly files: readonly Subject[];
  readonly release: ReleaseFacts;
}

export function formatStatement({ app, files, release }: StatedRelease): string {
  const statement: ReleaseStatement = {
    _type: STATEMENT_TYPE,
    subject: [...files],
    predicateType: PREDICATE_TYPE,
    predicate: { purl: purlOf(app, release.version), synckitOta: release },
  };
  return JSON.stringify(statement);
}

export function parseStatement(payload: Buffer): StatementResult {
  let value: unknown;
  try {
    value = parseBoundedJson(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    return { kind: 'malformed', reason: 'is not JSON' };
  }
  if (!matches(ReleaseStatement, value)) {
    const [error] = fieldErrors(ReleaseStatement, value);
    return { kind: 'malformed', reason: `is no release attestation: ${error?.field} ${error?.message}` };
  }
  const { purl, synckitOta } = value.predicate;
  if (purl !== purlOf(appOf(value), synckitOta.version)) {
    return { kind: 'malformed', reason: `has the version ${synckitOta.version}, but the purl ${purl}` };
  }
  return { kind: 'statement', statement: value };
}

/** The app that a statement names: its slug when it was signed. */
export function appOf({ predicate }: ReleaseStatement): string {
  const [, name = ''] = /^pkg:generic\/([^@/?#]*)@/.exec(predicate.purl) ?? [];
  try {
    return decodeURIComponent(name);
  } catch {
    return '';
  }
}

export function platformsOf({ subject }: Pick<ReleaseStatement, 'subject'>): string[] {
  return subject.flatMap(({ annotations }) => annotations.platforms).sort();
}

/** Whether two statements are about the same files: platforms, sizes and hashes. */
export function sameFiles(a: readonly Subject[], b: readonly Subject[]): boolean {
  return listOf(a) === listOf(b);
}

export function digestOfNotes(notes: string | null): string | null {
  return notes === null ? null : createHash('sha256').update(notes).digest('hex');
}

function listOf(subjects: readonly Subject[]): string {
  const lines = subjects.flatMap(({ digest, annotations: { platforms, size } }) =>
    platforms.map((platform) => `${platform} ${size} ${digest.sha256}`),
  );
  return lines.sort().join('\n');
}

/** https://github.com/package-url/purl-spec: of no registry. */
function purlOf(app: string, version: string): string {
  return `pkg:generic/${encodeURIComponent(app)}@${encodeURIComponent(version)}`;
}
