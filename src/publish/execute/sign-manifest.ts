import { basename } from 'node:path';
import { OtaError } from '../../errors.ts';
import { STABLE } from '../../protocol/channel.ts';
import { sealEnvelope } from '../../protocol/manifest/envelope.ts';
import { digestOfNotes, formatStatement, type Subject } from '../../protocol/manifest/release-statement.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { formatPublicKey, type PublicKey, signingKeyIdOf } from '../../protocol/minisign.ts';
import { platformName } from '../../protocol/platform.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import type { Publisher } from '../publisher.ts';
import type { ManifestSigner, StatementValidity } from '../release-request.ts';
import { type ServerState, supports } from '../server-state/server-state.ts';
import { reviewManifest } from './review-manifest.ts';

/** What is signed about a release besides its files. */
export interface SignedFacts {
  readonly release: ReleaseResponse;
  readonly slug: string;
  /** Null for none; undefined where this run does not know them: another job may have set them. */
  readonly notes?: string | null | undefined;
  /** The public key that the build carries; undefined where it is unknown. */
  readonly embeddedKey?: PublicKey | undefined;
  /** The platforms that the release goes live with, where other jobs upload some. */
  readonly expects: readonly string[];
}

/** Whether a manifest can be signed. Why not is a warning, unless the key is there for the files and the server too old. */
export function canSign(
  { report }: Pick<Publisher, 'report'>,
  signer: ManifestSigner | undefined,
  { slug, server }: { readonly slug: string | undefined; readonly server: Pick<ServerState, 'extensions'> },
): signer is ManifestSigner {
  if (signer === undefined) return false;
  const warn = (reason: string) =>
    report({ type: 'warning', message: `no manifest is signed, because ${reason}` });
  if (!supports(server, 'manifest')) {
    if (signer.isForManifests) warn('this server keeps none');
    return false;
  }
  if (slug === undefined) warn("the app's slug is unknown: pass --slug");
  return slug !== undefined;
}

/**
 * Signs a statement about the files of this run and has the server keep it, before they are uploaded: the last one may
 * take the release live. Of a live release it is about those that are added, and those that have no statement by this key: a
 * token that must not add one is a warning then.
 */
export async function signManifest(
  publisher: Publisher,
  signer: ManifestSigner,
  signed: SignedFacts & { readonly artifacts: readonly PlannedArtifact[] },
): Promise<void> {
  const { release } = signed;
  if (!isLive(release))
    return signFiles(publisher, signer, { ...signed, files: subjectsOf(signed.artifacts) });
  const added = signed.artifacts.filter(({ action, repairs }) => action === 'upload' && !repairs);
  await signFiles(publisher, signer, { ...signed, files: subjectsOf(added) });
  const { client, retry, appId, report } = publisher;
  const rest = signed.artifacts.filter((artifact) => !added.includes(artifact));
  if (rest.length === 0) return;
  const bundle = await retry.run(() => client.readManifest(appId, release.id));
  const keys = [signer.pair.publicKey];
  const { stated, isContradiction } = reviewManifest(bundle, { keys, files: rest, now: signer.createdAt });
  const unstated = isContradiction ? [] : rest.filter((artifact) => !stated.has(platformName(artifact)));
  try {
    await signFiles(publisher, signer, { ...signed, files: subjectsOf(unstated) });
  } catch (error) {
    if (!(error instanceof OtaError) || error.code === 'network') throw error;
    const message = `the manifest of ${release.version} was not completed: ${error.message}`;
    report({ type: 'warning', message });
  }
}

export function isLive({ status = 'published' }: ReleaseResponse): boolean {
  return status !== 'draft';
}

/** Signs a statement about files and has the server keep it; nothing where there are none. */
export async function signFiles(
  { client, retry, appId, report }: Publisher,
  signer: ManifestSigner,
  signed: StatedFiles,
): Promise<void> {
  const { release, files } = signed;
  if (files.length === 0) return;
  const envelope = sealEnvelope(releaseStatement(signed, signer), signer.pair);
  await retry.run(() => client.putManifest(appId, release.id, envelope));
  report({ type: 'manifest_signed', release });
}

export type StatedFiles = SignedFacts & { readonly files: readonly Subject[] };

/** The same for whoever signs it. */
export function releaseStatement(
  { release, slug, files, notes, embeddedKey, expects }: StatedFiles,
  { createdAt, expiresAt }: StatementValidity,
): string {
  return formatStatement({
    app: slug,
    files,
    release: {
      version: release.version,
      releaseId: release.id,
      channel: release.channel ?? STABLE,
      requires: release.requires ?? null,
      ...(notes !== undefined && { notesSha256: digestOfNotes(notes) }),
      ...(embeddedKey && { embeddedPubkey: formatPublicKey(embeddedKey) }),
      expects: [...expects],
      createdAt: formatTimestamp(createdAt.getTime()),
      expiresAt: formatTimestamp(expiresAt.getTime()),
    },
  });
}

/** A universal bundle is one file for two platforms. */
export function subjectsOf(artifacts: readonly PlannedArtifact[]): Subject[] {
  const byFile = Map.groupBy(artifacts, ({ file }) => file);
  return [...byFile].flatMap(([file, [first, ...others]]) => {
    if (first === undefined) return [];
    const { sha256, size, signature } = first;
    return [
      {
        name: basename(file),
        digest: { sha256 },
        annotations: {
          size,
          platforms: [first, ...others].map(platformName),
          signingKeyId: signingKeyIdOf(signature) ?? null,
        },
      },
    ];
  });
}
