import { atHandedOutUrl, elsewhereWarning, SET_PUBLIC_URL } from '../../client/handed-out-url.ts';
import { displayUrl } from '../../client/transport/transport.ts';
import { OtaError } from '../../errors.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { ExplainResponse, UpdateResponse } from '../../protocol/messages.ts';
import { LEGACY_REASON, type PublicKey, parseSignature } from '../../protocol/minisign.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import { type FetchedUpdate, fetchUpdate } from '../../publish/verify/fetch-update.ts';
import { findManifest } from '../../publish/verify/offered-manifest.ts';
import {
  describeRolloutState,
  findRolloutState,
  type RolloutState,
} from '../../publish/verify/rollout-state.ts';
import { checkForUpdate, elsewhereUrl, onlyLocalBecause } from '../../publish/verify/update-check.ts';
import type { Context } from '../context.ts';
import { formatNotes } from '../format.ts';
import { ByteProgress } from '../output/byte-progress.ts';
import type { Style } from '../output/colors.ts';
import type { Output } from '../output/output.ts';
import { connectPublicly, type Remote } from '../wiring/connect.ts';
import type { CheckOptions } from './check-command.ts';
import { readCheckRequest } from './check-request.ts';
import { asTooLarge, largestFile, requireAgreement } from './checked-manifest.ts';
import { describeExplanation, explainCheck } from './explain.ts';

/** Checks for an update as an installed app does (api.md, "Update Check Endpoint"). */
export async function runCheck(options: CheckOptions, context: Context): Promise<void> {
  const { server, serverFile, headers, app, publicKey, ...request } = await readCheckRequest(options);
  const { output } = context;
  if (serverFile !== undefined) output.note(`Server: ${server.href} (named by ${serverFile})`);
  const explained = options.explain
    ? await explainCheck(options, context, { app, server, publicKey })
    : undefined;
  const remote = connectPublicly(server, headers, context);
  try {
    const result = await checkForUpdate(remote, app);
    const rollout = await findRolloutState(remote, app);
    const others = { ...(rollout && rolloutField(rollout)), ...(explained && { explain: explained }) };
    if (result.kind === 'no_update') {
      output.document({ update: false, reason: result.reason, ...others });
      const held = rollout ? describeRolloutState(rollout, undefined) : [];
      output.result([`${output.style('yellow', 'No update:')} ${result.reason}.`, ...held]);
      showExplained(explained, undefined, output);
      return;
    }
    const update = { ...result.update, ...result.file };
    checkUrls(result.update, remote.client.server, output);
    const manifestKey = request.manifestKey ?? publicKey;
    const { slug } = app;
    const found =
      manifestKey && (await findManifest(remote, { slug, version: update.version, key: manifestKey }));
    const manifest = found?.kind === 'manifest' ? found.manifest : undefined;
    const maxBytes = manifest && largestFile(manifest, app);
    const fetched = options.download
      ? await fetchOffered(remote, { ...update, maxBytes, publicKey }, output)
      : undefined;
    output.document({ ...toDocument(update, fetched, manifest), ...others });
    output.result(describe({ update, fetched, rollout }, output.style));
    showExplained(explained, update.version, output);
    warnOfSignature(update.signature, output, publicKey);
    if (fetched) requireValid(fetched, options);
    if (found) {
      const { warning, result: line } = requireAgreement(found, { update, fetched, app }, options);
      if (warning !== undefined) output.warning(warning);
      if (line !== undefined) output.result(output.style('green', line));
    }
  } finally {
    await remote.transport.close();
  }
}

/**
 * An app downloads from where the server says, which may be another place than it was asked at.
 * @throws OtaError `verification_failed` when no other machine than the server can download the update; `not_the_api` when
 * none should
 */
function checkUrls(update: UpdateResponse, server: URL, output: Output): void {
  const reason = onlyLocalBecause(update, server);
  if (reason !== undefined) {
    const message = `installed apps cannot download the update to ${update.version}: ${reason}`;
    throw new OtaError('verification_failed', message, { hint: SET_PUBLIC_URL });
  }
  const url = elsewhereUrl(update, server);
  if (url !== undefined) output.warning(elsewhereWarning(url, server));
}

/** What the text of a signature says without its key. With it, the verification says more. */
function warnOfSignature(text: string, output: Output, publicKey: PublicKey | undefined): void {
  if (publicKey !== undefined) return;
  const signature = parseSignature(text);
  if (signature.kind === 'malformed') {
    output.warning(`the signature ${signature.reason}: Tauri's updater would refuse it`);
  } else if (!signature.prehashed) {
    output.warning(`do not trust the signature: ${LEGACY_REASON}`);
  }
}

function showExplained(
  explained: ExplainResponse | undefined,
  offered: string | undefined,
  output: Output,
): void {
  if (explained === undefined) return;
  output.result(describeExplanation(explained, { style: output.style, width: output.columns }));
  if ((explained.update?.version ?? undefined) === offered) return;
  output.warning(
    `the check was answered with ${offered ?? 'no update'}, and the server says ${explained.update?.version ?? 'no update'}: something changed in between, or a cache in front of the server still has an earlier answer`,
  );
}

/** The document of `check --json`. `signature_valid` and `signed_version` are null without a key to verify with. */
function toDocument(
  update: UpdateResponse,
  fetched: FetchedUpdate | undefined,
  manifest: Manifest | undefined,
) {
  const { version, url, signature, notes = null, pub_date = null } = update;
  return {
    update: true,
    version,
    url,
    signature,
    notes,
    pub_date,
    ...(update.mandatory && { mandatory: true }),
    ...(update.minimum_version && { minimum_version: update.minimum_version }),
    ...(update.minimum_system_version && { minimum_system_version: update.minimum_system_version }),
    ...(fetched && {
      download: {
        size: fetched.size,
        sha256: fetched.sha256,
        signature_valid: fetched.signature?.valid ?? null,
        signed_version: signedVersionOf(fetched) ?? null,
      },
    }),
    ...(manifest && {
      manifest: {
        key_ids: manifest.keyIds,
        expires_at: formatTimestamp(manifest.expiresAt.getTime()),
      },
    }),
  };
}

/** Versions that others are offered. */
function rolloutField({ everyone, manual }: RolloutState) {
  return { rollout: { everyone: everyone ?? null, manual: manual ?? null } };
}

interface CheckResult {
  readonly update: UpdateResponse;
  readonly fetched: FetchedUpdate | undefined;
  readonly rollout: RolloutState | undefined;
}

function describe({ update, fetched, rollout }: CheckResult, style: Style): string[] {
  const lines = [`${style('green', `Update to ${update.version}:`)} ${displayUrl(new URL(update.url))}`];
  if (update.mandatory) lines.push('Mandatory for this version.');
  if (update.minimum_system_version)
    lines.push(`Needs version ${update.minimum_system_version} of the system.`);
  if (rollout) lines.push(...describeRolloutState(rollout, update.version));
  if (update.notes) lines.push(...formatNotes(update.notes));
  if (fetched) lines.push(`Downloaded ${formatBytes(fetched.size)}, sha256:${fetched.sha256}`);
  if (fetched?.signature?.valid) {
    const valid = signedVersionOf(fetched)
      ? style('green', 'The signature is valid.')
      : style('yellow', 'The signature is valid, but not bound to a version: it is for any.');
    lines.push(valid);
  }
  if (fetched && fetched.signature === undefined) {
    lines.push(style('yellow', 'Nothing was verified: pass --pubkey to verify the signature.'));
  }
  return lines;
}

/** The version that a valid signature is bound to. */
function signedVersionOf({ signature }: FetchedUpdate): string | undefined {
  return signature?.valid ? signature.version : undefined;
}

type OfferedUpdate = UpdateResponse & {
  readonly maxBytes: number | undefined;
  readonly publicKey: PublicKey | undefined;
};

async function fetchOffered(
  { client, transport, signal }: Remote,
  update: OfferedUpdate,
  output: Output,
): Promise<FetchedUpdate> {
  const progress = new ByteProgress(output, 'Downloaded');
  const { onBytes, onTotal } = progress;
  const url = new URL(update.url);
  const request = { ...update, url, server: client.serverKind, signal, onBytes, onTotal };
  const fetched = await atHandedOutUrl(update.url, client.server, () => fetchUpdate(transport, request))
    .catch((error: unknown) => {
      throw update.maxBytes === undefined ? error : asTooLarge(error);
    })
    .finally(() => progress.stop());
  if (fetched.kind === 'fetched') return fetched;
  throw new OtaError(
    'verification_failed',
    `${update.version} is offered, but its file is missing on the server`,
    {
      hint: 'Publish its files again, or delete the release.',
    },
  );
}

/** @throws OtaError `verification_failed` when installed apps would reject the download, or should */
function requireValid(
  { sha256, announcedSha256, signature }: FetchedUpdate,
  { requireSignedVersion }: CheckOptions,
): void {
  if (announcedSha256 !== undefined && announcedSha256 !== sha256) {
    const reason = `its SHA-256 is ${sha256}, but the server recorded ${announcedSha256}`;
    throw new OtaError('verification_failed', `the download does not match what was published: ${reason}`, {
      hint: 'Download it again; if it still differs, look for a cache or proxy that changes the file.',
    });
  }
  if (signature?.valid === false) {
    throw new OtaError(
      'verification_failed',
      `the download's signature does not verify: ${signature.reason}`,
      {
        hint: 'Check that --pubkey is the key that the app was built with; if it is, yank the release and publish a fixed version.',
      },
    );
  }
  if (requireSignedVersion && signature?.version === undefined) {
    throw new OtaError('verification_failed', "the download's signature is not bound to a version", {
      hint: 'Publish a version that is signed with `tauri signer sign --app-version`, as `tauri build` does.',
    });
  }
}
