import type { PublicKey } from '../minisign.ts';
import { type Platform, platformName, withoutBundleType } from '../platform.ts';
import { compareVersions } from '../version.ts';
import { namedKeys, openEnvelope, parseBundle } from './envelope.ts';
import {
  appOf,
  digestOfNotes,
  parseStatement,
  platformsOf,
  type ReleaseFacts,
  type ReleaseStatement,
  type Subject,
} from './release-statement.ts';

/** What the statements about a release say together, each verified. */
export interface Manifest {
  readonly version: string;
  readonly releaseId: string;
  /** The app's slug when it was signed. */
  readonly app: string;
  readonly channel: string;
  readonly requires: string | null;
  readonly embeddedPubkey: string | undefined;
  /** Undefined where no statement says anything about notes. */
  readonly notesSha256: string | null | undefined;
  /** By platform name. */
  readonly files: ReadonlyMap<string, Subject>;
  /** Platforms that the release was to go live with, and that no statement is about. */
  readonly missing: readonly string[];
  /** When the first of them expires. */
  readonly expiresAt: Date;
  /** The ids of the keys that they are signed with. */
  readonly keyIds: readonly string[];
}

export type ManifestResult =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  /** There is no statement. */
  | { readonly kind: 'none' }
  /** There are statements, and none is signed with one of the keys. */
  | { readonly kind: 'unknown_key'; readonly keyIds: readonly string[] }
  /** `reason` completes "the manifest …". */
  | { readonly kind: 'invalid'; readonly reason: string };

/**
 * Verifies the statements in an in-toto bundle. Those that are signed with other keys are ignored, and so are those that
 * only name one of these keys: whoever made them says nothing that counts, and cannot spoil what others have signed.
 */
export function readManifest(bundle: string, keys: readonly PublicKey[]): ManifestResult {
  const envelopes = parseBundle(bundle);
  if (envelopes.length === 0) return { kind: 'none' };
  const statements: ReleaseStatement[] = [];
  const keyIds = new Set<string>();
  let forged: string | undefined;
  for (const envelope of envelopes) {
    const opened = openEnvelope(envelope, keys);
    if (opened.kind === 'forged') forged ??= opened.keyId;
    if (opened.kind !== 'verified') continue;
    const parsed = parseStatement(opened.payload);
    if (parsed.kind === 'malformed') return invalid(`has a statement that ${parsed.reason}`);
    statements.push(parsed.statement);
    keyIds.add(opened.keyId);
  }
  const [first, ...others] = statements;
  if (first === undefined && forged !== undefined)
    return invalid(`is not signed with the key ${forged} that it names`);
  if (first === undefined) return { kind: 'unknown_key', keyIds: envelopes.flatMap(namedKeys) };
  const all = [first, ...others];
  for (const field of IDENTITY) {
    const values = [...new Set(all.map((statement) => factsOf(statement)[field]))];
    if (values.length > 1) return ofDifferentReleases(field, values);
  }
  const [current = first, ...more] = withoutReplaced(all);
  return combineStatements([current, ...more], [...keyIds]);
}

/** What all statements about a release have to agree on, and those that count besides. */
const IDENTITY = ['version', 'releaseId'] as const;
const SHARED = [...IDENTITY, 'channel', 'requires', 'embeddedPubkey'] as const;

/** @param keyIds of the keys that they are signed with */
export function combineStatements(
  all: readonly [ReleaseStatement, ...ReleaseStatement[]],
  keyIds: readonly string[],
): Exclude<ManifestResult, { kind: 'none' | 'unknown_key' }> {
  const [first] = all;
  const facts = all.map(({ predicate }) => predicate.synckitOta);
  const { version, releaseId, channel, requires } = first.predicate.synckitOta;
  for (const field of SHARED) {
    const values = [...new Set(facts.flatMap((fact) => (fact[field] === undefined ? [] : [fact[field]])))];
    if (values.length > 1) return ofDifferentReleases(field, values);
  }
  const notes = new Set(facts.flatMap(({ notesSha256 }) => (notesSha256 === undefined ? [] : [notesSha256])));
  if (notes.size > 1) return invalid('has statements with different release notes');
  const files = new Map<string, Subject>();
  for (const subject of all.flatMap((statement) => statement.subject)) {
    for (const name of subject.annotations.platforms) {
      const other = files.get(name);
      if (other !== undefined && other.digest.sha256 !== subject.digest.sha256) {
        return invalid(`has two files for ${name}`);
      }
      files.set(name, subject);
    }
  }
  const manifest = {
    version,
    releaseId,
    app: appOf(first),
    channel,
    requires,
    embeddedPubkey: facts.map((fact) => fact.embeddedPubkey).find((key) => key !== undefined),
    notesSha256: [...notes][0],
    files,
    missing: missingPlatforms(facts, files),
    expiresAt: new Date(Math.min(...facts.map(({ expiresAt }) => Date.parse(expiresAt)))),
    keyIds,
  };
  return { kind: 'manifest', manifest };
}

function ofDifferentReleases(field: string, values: readonly unknown[]) {
  return invalid(`has statements of different releases: ${field} ${values.join(', ')}`);
}

/** Without what a later statement says anew: a server that does not know their key keeps both. */
export function withoutReplaced(statements: readonly ReleaseStatement[]): ReleaseStatement[] {
  return statements.flatMap((statement) => notReplaced(statement, statements) ?? []);
}

/** What of a statement no later one says anew, if anything. */
export function notReplaced(
  statement: ReleaseStatement,
  others: readonly ReleaseStatement[],
): ReleaseStatement | undefined {
  const { createdAt } = factsOf(statement);
  const later = others.filter((other) => factsOf(other).createdAt > createdAt).flatMap(platformsOf);
  const subject = statement.subject.flatMap((file) => {
    const platforms = file.annotations.platforms.filter((name) => !later.includes(name));
    return platforms.length === 0 ? [] : [{ ...file, annotations: { ...file.annotations, platforms } }];
  });
  return subject.length === 0 ? undefined : { ...statement, subject };
}

function factsOf({ predicate }: ReleaseStatement): ReleaseFacts {
  return predicate.synckitOta;
}

function missingPlatforms(facts: readonly ReleaseFacts[], files: ReadonlyMap<string, Subject>): string[] {
  const expected = new Set(facts.flatMap(({ expects }) => expects));
  const covers = (name: string) =>
    [...files.keys()].some((file) => file === name || file.startsWith(`${name}-`));
  return [...expected].filter((name) => !covers(name));
}

/** What an installed app was offered, and got. */
export interface OfferedUpdate {
  readonly version: string;
  readonly notes: string | null;
  readonly platform: Platform;
  /** The channel that the app asks for besides stable, if it does. */
  readonly channel: string | undefined;
  readonly currentVersion: string;
  /** The id of the key that the file is signed with. */
  readonly signingKeyId: string | undefined;
  readonly file: { readonly size: number; readonly sha256: string };
}

/** What an offer contradicts in the manifest of its release; nothing where it is what was signed. */
export function contradictions(manifest: Manifest, offer: OfferedUpdate, now: Date): string[] {
  const { version, channel, requires, notesSha256 } = manifest;
  const found: string[] = expiryProblems(manifest, now);
  if (version !== offer.version) found.push(`its version is ${version}, not ${offer.version}`);
  if (channel !== 'stable' && channel !== offer.channel) found.push(`its channel is ${channel}`);
  if (requires !== null && compareVersions(offer.currentVersion, requires) < 0) {
    found.push(`it requires ${requires}, and was offered to ${offer.currentVersion}`);
  }
  if (notesSha256 !== undefined && notesSha256 !== digestOfNotes(offer.notes)) {
    found.push('the release notes are not those that were signed');
  }
  return [...found, ...fileProblems(manifest, offer)];
}

/** Whether it says what is offered now: an old release that is served on and on ends with it. */
export function expiryProblems({ expiresAt }: Manifest, now: Date): string[] {
  return expiresAt > now ? [] : [`it expired on ${expiresAt.toISOString().slice(0, 10)}`];
}

function fileProblems(manifest: Manifest, { platform, file, signingKeyId }: OfferedUpdate): string[] {
  const signed = filesFor(manifest, platform);
  if (signed.length === 0) return [`it has no file for ${platformName(platform)}`];
  const same = signed.find(({ digest }) => digest.sha256 === file.sha256);
  if (same === undefined) {
    return [
      `the file for ${platformName(platform)} is not the one that was signed: its SHA-256 is ${file.sha256}`,
    ];
  }
  const { size, signingKeyId: signedWith } = same.annotations;
  return [
    ...(size === file.size ? [] : [`the file has ${file.size} bytes, not ${size}`]),
    ...(signedWith === (signingKeyId ?? null)
      ? []
      : [`the file is signed with another key than ${signedWith}`]),
  ];
}

/** The files that an app may get: its own kind's, else that for all; where it does not say its kind, any. */
export function filesFor({ files }: Pick<Manifest, 'files'>, platform: Platform): Subject[] {
  const [own, plain] = [
    files.get(platformName(platform)),
    files.get(platformName(withoutBundleType(platform))),
  ];
  if (own !== undefined) return [own];
  if (plain !== undefined || platform.bundleType !== undefined) return plain === undefined ? [] : [plain];
  const prefix = `${platformName(platform)}-`;
  return [...files].flatMap(([name, file]) => (name.startsWith(prefix) ? [file] : []));
}

function invalid(reason: string): Extract<ManifestResult, { kind: 'invalid' }> {
  return { kind: 'invalid', reason };
}
