import type { OtaClient } from '../../client/ota-client.ts';
import type { Retry } from '../../client/retry.ts';
import { OtaError } from '../../errors.ts';
import type { UpdateResponse } from '../../protocol/messages.ts';
import { type Platform, platformName, withoutBundleType } from '../../protocol/platform.ts';
import { isVersion, LOWEST_VERSION } from '../../protocol/version.ts';

/** RFC 3339 with an offset, which is all that Tauri's updater reads. */
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** The way to the server that an installed app has: no token. */
export interface InstalledClient {
  readonly client: OtaClient;
  readonly retry: Retry;
}

/** What an installed app knows of itself. */
export interface Installed extends Platform {
  readonly slug: string;
  readonly currentVersion: string;
  /** Extension `channel`; stable when left out. */
  readonly channel?: string | undefined;
}

/**
 * Asks for an update as an installed app does, and finds out why there is none.
 * @throws OtaError `not_the_api` when Tauri's updater could not use the answer, naming why; `usage` for a 404
 */
export async function askForUpdate(
  { client, retry }: InstalledClient,
  installed: Installed,
): Promise<{ readonly update: UpdateResponse } | { readonly reason: string }> {
  const update = await retry.run(() =>
    client.check(installed.slug, installed, installed.currentVersion, installed.channel),
  );
  if (update !== undefined) {
    requireUsable(update);
    return { update };
  }
  const platform = platformName(installed);
  const newest = await newestFor({ client, retry }, installed);
  if (newest === 'unknown') {
    return { reason: `the server has nothing newer than ${installed.currentVersion} for ${platform}` };
  }
  const reason =
    newest === undefined
      ? `nothing is published for ${platform}: no release has a complete artifact for it`
      : `${newest.version} is the newest for ${platform}, and not newer than ${installed.currentVersion}`;
  return { reason };
}

/** What the oldest there can be is offered; `unknown` where a server does not take its version. */
async function newestFor(
  { client, retry }: InstalledClient,
  installed: Installed,
): Promise<UpdateResponse | undefined | 'unknown'> {
  try {
    return await retry.run(() => client.check(installed.slug, installed, LOWEST_VERSION, installed.channel));
  } catch (error) {
    if (error instanceof OtaError && error.code === 'preflight_refused') return 'unknown';
    throw error;
  }
}

/** What an app downloads, and the signature it holds that against. */
export interface OfferedFile {
  readonly url: string;
  readonly signature: string;
}

/**
 * What Tauri's updater takes from an answer: where there are `platforms` the entry of its own kind of bundle (from
 * plugin 2.10 on), else its platform's. Undefined when it finds none, which it calls an error.
 */
export function offeredFile(update: UpdateResponse, platform: Platform): OfferedFile | undefined {
  if (update.platforms === undefined) return update;
  return (
    update.platforms[platformName(platform)] ?? update.platforms[platformName(withoutBundleType(platform))]
  );
}

/** What Tauri's updater would stumble over in an answer whose fields have the right types, if anything. */
export function unusableBecause(update: UpdateResponse): string | undefined {
  const { version, url, pub_date: date, platforms = {} } = update;
  const badUrl = [url, ...Object.values(platforms).map((file) => file.url)].find((text) => !isWebUrl(text));
  return !isVersion(version.replace(/^v/, ''))
    ? `version "${version}" is not strict semver`
    : badUrl !== undefined
      ? `url "${badUrl}" is not an absolute http(s) URL`
      : date != null && !RFC_3339.test(date)
        ? `pub_date "${date}" is not RFC 3339`
        : undefined;
}

function requireUsable(update: UpdateResponse): void {
  const reason = unusableBecause(update);
  if (reason === undefined) return;
  const message = `the update is offered in a way that installed apps cannot use: ${reason}`;
  throw new OtaError('not_the_api', message, {
    hint: 'Correct the release on the server; until then its users get no update.',
  });
}

function isWebUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
