import { randomUUID } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import {
  attestedPayload,
  claimedIdentity,
  type SigstoreBundle,
} from '../../protocol/attestation/sigstore-bundle.ts';
import { type Envelope, namedKeys, payloadOf } from '../../protocol/manifest/envelope.ts';
import { withoutReplaced } from '../../protocol/manifest/manifest.ts';
import {
  parseStatement,
  platformsOf,
  type ReleaseStatement,
  sameFiles,
} from '../../protocol/manifest/release-statement.ts';
import { precedenceOf } from '../../protocol/version.ts';
import { type Actor, type Attribution, tokenIdOf } from '../attribution.ts';
import type { Queries, ReleasesTable, Schema, StatementsTable } from '../schema.ts';
import { transact } from '../transaction.ts';
import { requireWithinLimits } from './app-limits.ts';
import { type AuditDetails, recordAudit } from './audit.ts';
import type { ReleaseKey } from './releases.ts';
import { listTrustedPublishers } from './trusted-publishers.ts';

/** Of one kind in a release, of which each is about at least one platform of its own. */
const MAX_STATEMENTS = 64;
/** Of all of one kind in a release, as they are stored: each request about one reads them all. */
const MAX_BYTES = 256 * 1024;
/** The part that one writer's statements may take that are not accepted: another's find room beside them. */
const SHARE_OF_WRITER = 1 / 2;

export type StatementKind = StatementsTable['kind'];

export interface NewStatement extends ReleaseKey {
  readonly kind: StatementKind;
  /** As `StatementsTable`. */
  readonly document: string;
  readonly statement: ReleaseStatement;
  /** Whether a document of this kind is signed with a key that the app's files may be signed with. */
  readonly isAccepted: (document: string) => boolean;
  /** Who has signed it, or says so, for the audit log. */
  readonly signedBy: AuditDetails;
}

export type StoreStatementResult = 'stored' | 'unchanged' | 'immutable' | 'too_many' | 'gone';

/**
 * Stores a statement about files of a release. An accepted one takes the place of those of its kind about the same platforms that
 * are, too: in a draft always; in a live release if it is later and says the same of the same files, with other notes or a later
 * expiry. Any other cannot be verified here. It takes the place of none but what the same writer has stored in a draft for the
 * same signer, and is kept beside the rest, where only its own key or identity makes it count.
 * @throws Problem `limit_reached`
 */
export async function storeStatement(
  db: Kysely<Schema>,
  statement: NewStatement,
  by: Attribution,
): Promise<StoreStatementResult> {
  return transact(db, (transaction) => storeStatementIn(transaction, statement, by));
}

/** The same in the transaction of a change that the statement is about. */
export async function storeStatementIn(
  transaction: Transaction<Schema>,
  { appId, releaseId, kind, document, statement, isAccepted, signedBy }: NewStatement,
  by: Attribution,
): Promise<StoreStatementResult> {
  const release = await transaction
    .selectFrom('releases')
    .select('status')
    .where('app_id', '=', appId)
    .where('id', '=', releaseId)
    .executeTakeFirst();
  if (release === undefined) return 'gone';
  const stored = await listStored(transaction, releaseId, kind);
  if (stored.some((other) => other.document === document)) return 'unchanged';
  const platforms = platformsOf(statement);
  const writer = await writerOf(transaction, by.actor);
  const isTrusted = isAccepted(document);
  const signer = SIGNER_OF[kind](JSON.parse(document));
  const before = stored.filter((other) => {
    if (!platformsOf(other.statement).some((name) => platforms.includes(name))) return false;
    if (isAccepted(other.document) !== isTrusted) return false;
    return isTrusted || (other.writer === writer && SIGNER_OF[kind](JSON.parse(other.document)) === signer);
  });
  const isLive = release.status !== 'draft';
  const mayReplace =
    !isLive ||
    (isTrusted &&
      isRenewal(
        statement,
        before.map((other) => other.statement),
      ));
  if (before.length > 0 && !mayReplace && (isTrusted || kind === 'attestation')) return 'immutable';
  const replaced = mayReplace ? before : [];
  const kept = stored.filter((other) => !replaced.includes(other));
  const own = kept.filter((other) => other.writer === writer && !isAccepted(other.document));
  const size = Buffer.byteLength(document);
  if (!hasRoom(kept, size)) return 'too_many';
  if (!isTrusted && !hasRoom(own, size, SHARE_OF_WRITER)) return 'too_many';
  await requireWithinLimits(transaction, appId, { notes_bytes: size - bytesOf(replaced) });
  for (const { id } of replaced) await transaction.deleteFrom('statements').where('id', '=', id).execute();
  await transaction
    .insertInto('statements')
    .values({
      id: randomUUID(),
      app: appId,
      release_id: releaseId,
      kind,
      document,
      writer,
      created_at: by.now.getTime(),
    })
    .execute();
  const details = { version: statement.predicate.synckitOta.version, platforms, ...signedBy };
  const rows = [`release:${releaseId}`] as const;
  recordAudit(transaction, { by, action: `${kind}.stored`, appId, details, rows });
  return 'stored';
}

/** Who has stored a statement, as `StatementsTable`. */
async function writerOf(transaction: Queries, actor: Actor): Promise<string | null> {
  const tokenId = tokenIdOf(actor);
  if (tokenId === null) return null;
  return (await writerBy(transaction, tokenId)) ?? tokenId;
}

/** What a token is as a writer; undefined for one that was forgotten. */
async function writerBy(db: Queries, tokenId: string): Promise<string | undefined> {
  const token = await db
    .selectFrom('tokens')
    .select('publisher_id')
    .where('id', '=', tokenId)
    .executeTakeFirst();
  return token && (token.publisher_id ?? tokenId);
}

/** The writers that may be who has created a release. Tokens are forgotten after a while if they were of a job. */
async function creatorsOf(
  db: Queries,
  { app_id, token_id }: ManifestOfRelease['release'],
): Promise<(string | null)[]> {
  if (token_id === null) return [null];
  const writer = await writerBy(db, token_id);
  if (writer !== undefined) return [writer];
  const publishers = await listTrustedPublishers(db, app_id);
  return [token_id, ...publishers.map(({ id }) => id)];
}

function hasRoom(kept: readonly StoredStatement[], size: number, share = 1): boolean {
  return kept.length < MAX_STATEMENTS * share && bytesOf(kept) + size <= MAX_BYTES * share;
}

/** Who a document of a kind says to be signed by, which proves nothing. */
const SIGNER_OF = {
  manifest: (envelope: Envelope) => namedKeys(envelope).join(' '),
  attestation: (bundle: SigstoreBundle) => claimedIdentity(bundle) ?? '',
} as const;

/** The statements of a kind about a release, also about a draft, of which the document is accepted. */
export async function statementsOf(
  db: Queries,
  releaseId: string,
  { kind, isAccepted }: Pick<NewStatement, 'kind' | 'isAccepted'>,
): Promise<ReleaseStatement[]> {
  const stored = await listStored(db, releaseId, kind);
  return stored.filter(({ document }) => isAccepted(document)).map(({ statement }) => statement);
}

export interface ManifestOfRelease {
  readonly release: Pick<ReleasesTable, 'id' | 'app_id' | 'token_id'>;
  readonly channel: string;
  readonly isAccepted: NewStatement['isAccepted'];
}

/**
 * Whether a manifest says another channel than its release is to have: that of each key counts apart, as its latest
 * statements say it. Where some are signed with a key that the app accepts, only those count, else those that the release's
 * creator has stored: an unknown key promises nothing.
 */
export async function isManifestOutdated(
  db: Queries,
  { release, channel, isAccepted }: ManifestOfRelease,
): Promise<boolean> {
  const stored = await listStored(db, release.id, 'manifest');
  const accepted = stored.filter(({ document }) => isAccepted(document));
  const creators = accepted.length > 0 ? [] : await creatorsOf(db, release);
  const counting = accepted.length > 0 ? accepted : stored.filter(({ writer }) => creators.includes(writer));
  const byKeys = Map.groupBy(counting, ({ document }) => SIGNER_OF.manifest(JSON.parse(document)));
  return [...byKeys.values()].some((ofKeys) =>
    withoutReplaced(ofKeys.map(({ statement }) => statement)).some(
      ({ predicate }) => predicate.synckitOta.channel !== channel,
    ),
  );
}

/** The id of a version that is or was live, by any slug the app has or had; undefined when there is no such version. */
export async function findPublicRelease(
  db: Queries,
  { slug, version }: { readonly slug: string; readonly version: string },
): Promise<ReleaseKey | undefined> {
  const release = await db
    .selectFrom('slugs')
    .innerJoin('releases', 'releases.app_id', 'slugs.app_id')
    .select(['releases.id', 'releases.app_id'])
    .where('slugs.slug', '=', slug)
    .where('precedence', '=', precedenceOf(version))
    .where('status', '!=', 'draft')
    .executeTakeFirst();
  return release && { appId: release.app_id, releaseId: release.id };
}

/** The ids of a release's statements, in order: together these may be larger than is to be in memory at once. */
export async function statementIds(db: Queries, releaseId: string, kind: StatementKind): Promise<string[]> {
  const rows = await inOrder(db, releaseId, kind).select('id').execute();
  return rows.map(({ id }) => id);
}

/** A statement as `StatementsTable` has it, on one line; undefined once it was replaced. */
export async function statementText(db: Queries, id: string): Promise<string | undefined> {
  const row = await db.selectFrom('statements').select('document').where('id', '=', id).executeTakeFirst();
  return row?.document;
}

interface StoredStatement {
  readonly id: string;
  readonly document: string;
  readonly statement: ReleaseStatement;
  readonly writer: string | null;
  /** As it is stored. */
  readonly bytes: number;
}

async function listStored(db: Queries, releaseId: string, kind: StatementKind): Promise<StoredStatement[]> {
  const rows = await inOrder(db, releaseId, kind).select(['id', 'document', 'writer']).execute();
  return rows.flatMap(({ id, document, writer }) => {
    const parsed = parseStatement(PAYLOAD_OF[kind](JSON.parse(document)));
    return parsed.kind === 'statement'
      ? [{ id, document, writer, statement: parsed.statement, bytes: Buffer.byteLength(document) }]
      : [];
  });
}

const PAYLOAD_OF = { manifest: payloadOf, attestation: attestedPayload } as const;

function bytesOf(statements: readonly StoredStatement[]): number {
  return statements.reduce((sum, { bytes }) => sum + bytes, 0);
}

function inOrder(db: Queries, releaseId: string, kind: StatementKind) {
  return db
    .selectFrom('statements')
    .where('release_id', '=', releaseId)
    .where('kind', '=', kind)
    .orderBy('created_at')
    .orderBy('id');
}

function isRenewal(statement: ReleaseStatement, replaced: readonly ReleaseStatement[]): boolean {
  const { requires, embeddedPubkey, createdAt } = statement.predicate.synckitOta;
  const same = replaced.every(({ predicate: { synckitOta: other } }) => {
    // Its channel is the release's: another one before means that the release was promoted since.
    const sameRelease = other.requires === requires && other.embeddedPubkey === embeddedPubkey;
    return sameRelease && other.createdAt <= createdAt; // to the second
  });
  return (
    same &&
    sameFiles(
      statement.subject,
      replaced.flatMap(({ subject }) => subject),
    )
  );
}
