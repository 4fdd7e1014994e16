import { atHandedOutUrl, elsewhereWarning, SET_PUBLIC_URL } from '../../client/handed-out-url.ts';
import { displayUrl } from '../../client/transport/transport.ts';
import { OtaError } from '../../errors.ts';
import type { UpdateResponse } from '../../protocol/messages.ts';
import type { PublicKey } from '../../protocol/minisign.ts';
import { isVersion, versionOfTag } from '../../protocol/version.ts';
import { type FetchedUpdate, fetchUpdate } from '../../publish/verify/fetch-update.ts';
import { checkForUpdate, elsewhereUrl, onlyLocalBecause } from '../../publish/verify/update-check.ts';
import type { Context } from '../context.ts';
import { formatBytes } from '../format.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readPlatform } from '../options/platform-options.ts';
import { readChannel } from '../options/release-options.ts';
import { readPublicKey, readServer } from '../options/remote-options.ts';
import type { Style } from '../output/colors.ts';
import type { Output } from '../output/output.ts';
import { connectPublicly, type Remote } from '../wiring/connect.ts';
import type { CheckOptions } from './check-command.ts';

/** Checks for an update as an installed app does (api.md, "Update Check Endpoint"). */
export async function runCheck(options: CheckOptions, context: Context): Promise<void> {
  const errors = new OptionErrors();
  const server = readServer(options.server, errors);
  const platform = readPlatform(options, errors);
  const publicKey = readPublicKey(options.pubkey, errors);
  const { slug, download = false } = options;
  const currentVersion = versionOfTag(options.currentVersion ?? '') ?? options.currentVersion ?? '';
  if (!slug) errors.add('no slug given: pass --slug');
  const channel = readChannel(options.channel, errors);
  if (!isVersion(currentVersion)) {
    errors.add(`--current-version ${currentVersion || 'is missing: it'} must be strict semver, like 1.2.0`);
  }
  if (publicKey && !download) errors.add('--pubkey verifies the download: pass --download too');
  if (!errors.isEmpty || !server || !platform || !slug) throw errors.toError();

  const { output } = context;
  const remote = connectPublicly(server, context);
  try {
    const result = await checkForUpdate(remote, { ...platform, slug, currentVersion, channel });
    if (result.kind === 'no_update') {
      output.document({ update: false, reason: result.reason });
      output.result(`${output.style('yellow', 'No update:')} ${result.reason}.`);
      return;
    }
    const { update } = result;
    checkUrls(update, remote.client.server, output);
    const fetched = download ? await fetchOffered(remote, update, publicKey) : undefined;
    output.document(toDocument(update, fetched));
    output.result(describe({ update, fetched }, output.style));
    if (fetched) requireValid(fetched);
  } finally {
    await remote.transport.close();
  }
}

/**
 * An app downloads from where the server says, which may be another place than it was asked at.
 * @throws OtaError `verification_failed` when no other machine than the server can download the update
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

/** The document of `check --json`. `signature_valid` is null without a key to verify with. */
function toDocument(update: UpdateResponse, fetched: FetchedUpdate | undefined) {
  const { version, url, signature, notes = null, pub_date = null } = update;
  return {
    update: true,
    version,
    url,
    signature,
    notes,
    pub_date,
    ...(fetched && {
      download: {
        size: fetched.size,
        sha256: fetched.sha256,
        signature_valid: fetched.signature?.valid ?? null,
      },
    }),
  };
}

interface CheckResult {
  readonly update: UpdateResponse;
  readonly fetched: FetchedUpdate | undefined;
}

function describe({ update, fetched }: CheckResult, style: Style): string {
  const lines = [`${style('green', `Update to ${update.version}:`)} ${displayUrl(new URL(update.url))}`];
  if (update.notes) lines.push(update.notes);
  if (fetched) lines.push(`Downloaded ${formatBytes(fetched.size)}, sha256:${fetched.sha256}`);
  if (fetched?.signature?.valid) lines.push(style('green', 'The signature is valid.'));
  return lines.join('\n');
}

async function fetchOffered(
  { client, transport, signal }: Remote,
  update: UpdateResponse,
  publicKey: PublicKey | undefined,
): Promise<FetchedUpdate> {
  const request = { ...update, url: new URL(update.url), publicKey, signal };
  const fetched = await atHandedOutUrl(update.url, client.server, () => fetchUpdate(transport, request));
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
function requireValid({ sha256, announcedSha256, signature }: FetchedUpdate): void {
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
}
