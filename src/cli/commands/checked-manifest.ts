import type { InstalledApp } from '../../client/ota-client.ts';
import { OtaError } from '../../errors.ts';
import { filesFor, type Manifest } from '../../protocol/manifest/manifest.ts';
import type { UpdateResponse } from '../../protocol/messages.ts';
import { signingKeyIdOf } from '../../protocol/minisign.ts';
import type { Platform } from '../../protocol/platform.ts';
import type { FetchedUpdate } from '../../publish/verify/fetch-update.ts';
import { contradictionOf, type FoundManifest } from '../../publish/verify/offered-manifest.ts';
import type { CheckOptions } from './check-command.ts';

export interface ComparedUpdate {
  readonly update: UpdateResponse;
  readonly fetched: FetchedUpdate | undefined;
  readonly app: InstalledApp;
}

/** What to print. */
export interface Agreement {
  readonly result?: string;
  readonly warning?: string;
}

/** Extension `manifest`. @throws OtaError `verification_failed` when what is served is not what was signed */
export function requireAgreement(
  found: FoundManifest,
  { update, fetched, app }: ComparedUpdate,
  { requireManifest, manifestPubkey }: Pick<CheckOptions, 'requireManifest' | 'manifestPubkey'>,
): Agreement {
  if (found.kind === 'invalid') throw refused(found.reason);
  if (found.kind === 'none') {
    if (requireManifest || manifestPubkey) {
      const hint = found.why === 'no_manifest' ? SIGN_ONE : undefined;
      throw refused(`no manifest can be relied on: ${found.reason}`, hint);
    }
    return {};
  }
  if (fetched === undefined) return {};
  const { manifest } = found;
  const { version, notes = null, signature } = update;
  const { currentVersion, channel, slug } = app;
  const signingKeyId = signingKeyIdOf(signature);
  const offer = { version, notes, platform: app, channel, currentVersion, signingKeyId, file: fetched };
  const disagreement = contradictionOf(manifest, offer, new Date());
  if (disagreement !== undefined) throw refused(disagreement.message, disagreement.renewal);
  return {
    result: `The manifest agrees, and expires on ${manifest.expiresAt.toISOString().slice(0, 10)}.`,
    ...(manifest.app !== slug && { warning: otherSlug(manifest, slug) }),
  };
}

/** For a release that has no manifest. */
export const SIGN_ONE =
  'A release has a manifest if it is published with the key; `publish finish` with the key signs one later.';

/** It may be a former slug, or another app that is signed with the same key. */
export function otherSlug({ app }: Manifest, slug: string): string {
  return `the manifest was signed for ${app}, not ${slug}: right if that is a former slug`;
}

/** The most bytes that a file for a platform can have. */
export function largestFile(manifest: Manifest, platform: Platform): number | undefined {
  const sizes = filesFor(manifest, platform).map(({ annotations }) => annotations.size);
  return sizes.length === 0 ? undefined : Math.max(...sizes);
}

/** For a download that does not end where the signed size says. */
export function asTooLarge(error: unknown): unknown {
  if (!(error instanceof OtaError) || error.code !== 'not_the_api' || error.inFront) return error;
  return new OtaError(
    'verification_failed',
    `the download is not the file that was signed: ${error.message}`,
    { hint: error.hint },
  );
}

const DISTRUST =
  'Do not trust what is served. If the notes were edited, sign them: `releases edit` with the key.';

function refused(message: string, hint = DISTRUST): OtaError {
  return new OtaError('verification_failed', message, { hint });
}
