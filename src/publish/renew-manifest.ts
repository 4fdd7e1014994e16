import { type Envelope, openEnvelope, parseBundle, sealEnvelope } from '../protocol/manifest/envelope.ts';
import { withoutReplaced } from '../protocol/manifest/manifest.ts';
import {
  appOf,
  digestOfNotes,
  formatStatement,
  parseStatement,
  type ReleaseStatement,
} from '../protocol/manifest/release-statement.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import type { PublicKey } from '../protocol/minisign.ts';
import { formatTimestamp } from '../protocol/time.ts';
import type { Publisher } from './publisher.ts';
import type { ManifestSigner } from './release-request.ts';

export interface Renewal {
  readonly release: Pick<ReleaseResponse, 'id'>;
  /** Undefined where there is no key: then it is only found out whether there is a manifest. */
  readonly signer: ManifestSigner | undefined;
  /** The new release notes, null for none; those that were signed when left out. */
  readonly notes?: string | null | undefined;
  /** The keys that the app's files may be signed with, where they are known. */
  readonly accepted?: readonly PublicKey[];
  /** The new channel; that which was signed when left out. */
  readonly channel?: string | undefined;
}

/**
 * What is signed again, and how many statements stay as they were: of keys that are not known only where there are no
 * others, as anyone with a token can add those.
 */
export interface SignedAgain {
  readonly envelopes: readonly Envelope[];
  readonly left: number;
}

/** `left` are the statements that stay as they were: there is no key, or they are signed with another one. */
export interface RenewalResult {
  readonly renewed: number;
  readonly left: number;
}

/** Extension `manifest`: signs the statements about a release again, for another year or with other notes. */
export async function renewManifest(publisher: ManifestReader, renewal: Renewal): Promise<RenewalResult> {
  const { client, retry, appId } = publisher;
  const { envelopes, left } = await signAgain(publisher, renewal);
  for (const envelope of envelopes)
    await retry.run(() => client.putManifest(appId, renewal.release.id, envelope));
  return { renewed: envelopes.length, left };
}

type ManifestReader = Pick<Publisher, 'client' | 'retry' | 'appId'>;

/** Only what the same key has signed before is signed again: the server's word counts for nothing. */
export async function signAgain(
  { client, retry, appId }: ManifestReader,
  { release, signer, accepted = [], ...said }: Renewal,
): Promise<SignedAgain> {
  const bundle = await retry.run(() => client.readManifest(appId, release.id));
  const envelopes = parseBundle(bundle);
  const keys = [...accepted, ...(signer ? [signer.pair.publicKey] : [])];
  const known = envelopes.filter((one) => openEnvelope(one, keys).kind === 'verified').length;
  const counting = known || envelopes.length;
  if (signer === undefined) return { envelopes: [], left: counting };
  const own = envelopes.flatMap((one) => ownStatement(one, signer) ?? []);
  const current = withoutReplaced(own).map((statement) => renewalOf(statement, signer, said));
  return { envelopes: current, left: counting - own.length };
}

function ownStatement(envelope: Envelope, { pair }: ManifestSigner): ReleaseStatement | undefined {
  const opened = openEnvelope(envelope, [pair.publicKey]);
  const parsed = opened.kind === 'verified' ? parseStatement(opened.payload) : undefined;
  return parsed?.kind === 'statement' ? parsed.statement : undefined;
}

function renewalOf(
  former: ReleaseStatement,
  { pair, createdAt, expiresAt }: ManifestSigner,
  { notes, channel }: Pick<Renewal, 'notes' | 'channel'>,
): Envelope {
  const { predicate } = former;
  // Of two statements in one second neither would replace the other.
  const after = Date.parse(predicate.synckitOta.createdAt) + 1000;
  const created = channel === undefined ? createdAt.getTime() : Math.max(createdAt.getTime(), after);
  const statement = formatStatement({
    app: appOf(former),
    files: former.subject,
    release: {
      ...predicate.synckitOta,
      ...(notes !== undefined && { notesSha256: digestOfNotes(notes) }),
      ...(channel !== undefined && { channel }),
      createdAt: formatTimestamp(created),
      expiresAt: formatTimestamp(expiresAt.getTime()),
    },
  });
  return sealEnvelope(statement, pair);
}
