import { displayUrl } from '../../client/transport/transport.ts';
import { OtaError } from '../../errors.ts';
import type { UpdateResponse } from '../../protocol/messages.ts';
import type { PublicKey } from '../../protocol/minisign.ts';
import { isVersion } from '../../protocol/version.ts';
import { type FetchedUpdate, fetchUpdate } from '../../publish/verify/fetch-update.ts';
import { askForUpdate } from '../../publish/verify/update-check.ts';
import { formatBytes } from '../format.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readPlatform } from '../options/platform-options.ts';
import { readChannel } from '../options/release-options.ts';
import { readPublicKey, readServer } from '../options/remote-options.ts';
import type { Context } from '../program.ts';
import { connectPublicly, type Remote } from '../wiring/connect.ts';

interface CheckOptions {
  readonly server?: string;
  readonly slug?: string;
  readonly target?: string;
  readonly arch?: string;
  readonly currentVersion?: string;
  readonly bundleType?: string;
  readonly channel?: string;
  readonly download?: boolean;
  readonly pubkey?: string;
}

/** api.md, "Update Check Endpoint", as an installed app uses it. */
export async function runCheck(options: CheckOptions, context: Context): Promise<void> {
  const problems = new OptionErrors();
  const server = readServer(options.server, problems);
  const platform = readPlatform(options, problems);
  const publicKey = readPublicKey(options.pubkey, problems);
  const { slug, currentVersion = '', channel, download = false } = options;
  if (!slug) problems.add('no slug is given: pass --slug');
  readChannel(channel, problems);
  if (!isVersion(currentVersion)) {
    problems.add(`--current-version ${currentVersion || 'is missing: it'} must be strict semver, like 1.2.0`);
  }
  if (publicKey && !download) problems.add('--pubkey checks what was downloaded: pass --download too');
  problems.throwIfAny();
  if (!server || !platform || !slug) return;

  const { output } = context;
  const remote = connectPublicly(server, context);
  try {
    const answer = await askForUpdate(remote, { ...platform, slug, currentVersion, channel });
    if ('reason' in answer) {
      output.document({ update: false, reason: answer.reason });
      output.result(`No update: ${answer.reason}.`);
      return;
    }
    const { update } = answer;
    const fetched = download ? await fetchOffered(remote, update, publicKey) : undefined;
    output.document(toDocument(update, fetched));
    output.result(describe(update, fetched));
    if (fetched) requireValid(fetched);
  } finally {
    await remote.transport.close();
  }
}

/** Design 3, "JSON of `check --json`". `signature_valid` is null when there was no key to check by. */
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

function describe(update: UpdateResponse, fetched: FetchedUpdate | undefined): string {
  const lines = [`Update to ${update.version}: ${displayUrl(new URL(update.url))}`];
  if (update.notes) lines.push(update.notes);
  if (fetched) lines.push(`Downloaded ${formatBytes(fetched.size)}, sha256:${fetched.sha256}`);
  if (fetched?.signature?.valid) lines.push('The signature is valid.');
  return lines.join('\n');
}

async function fetchOffered(
  { transport, signal }: Remote,
  update: UpdateResponse,
  publicKey: PublicKey | undefined,
): Promise<FetchedUpdate> {
  const fetched = await fetchUpdate(transport, { ...update, url: new URL(update.url), publicKey, signal });
  if (fetched !== 'not_served') return fetched;
  throw new OtaError('verification_failed', `${update.version} is offered, but its download is not there`, {
    hint: 'Publish its files again, or delete the release.',
  });
}

/** @throws OtaError `verification_failed` when installed apps would refuse what was downloaded, or should */
function requireValid({ sha256, announcedSha256, signature }: FetchedUpdate): void {
  const reason =
    announcedSha256 !== undefined && announcedSha256 !== sha256
      ? `its SHA-256 is ${sha256}, but the server has recorded ${announcedSha256}`
      : signature?.valid === false
        ? `its signature does not verify: ${signature.reason}`
        : undefined;
  if (reason === undefined) return;
  throw new OtaError('verification_failed', `the download is not what was published: ${reason}`, {
    hint: 'Delete the release, sign its files with the key whose public half the app has, and publish them anew.',
  });
}
