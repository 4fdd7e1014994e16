import { placeOf, unsafePlaceOf, unsafeReason, unsafeUrl } from '../../client/handed-out-url.ts';
import type { InstalledApp, OtaClient } from '../../client/ota-client.ts';
import type { Retry } from '../../client/retry.ts';
import { hasStatus, OtaError } from '../../errors.ts';
import type { UpdateResponse } from '../../protocol/messages.ts';
import { isCustomTarget, type Platform, platformName, withoutBundleType } from '../../protocol/platform.ts';
import {
  compareAsUpdater,
  compareVersions,
  isVersion,
  LOWEST_VERSION,
  whyNoVersion,
} from '../../protocol/version.ts';

/** How many updates of one app are followed, to find the newest. */
const MAX_STEPS = 50;
/** RFC 3339 with an offset, which is all that Tauri's updater reads. */
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** The connection of an installed app: without a token. */
export interface InstalledClient {
  readonly client: OtaClient;
  readonly retry: Retry;
}

export type UpdateCheckResult =
  /** `file` is what Tauri's updater takes of the update. */
  | { readonly kind: 'update'; readonly update: UpdateResponse; readonly file: OfferedFile }
  /** `reason` completes "No update: …". */
  | { readonly kind: 'no_update'; readonly reason: string };

/**
 * Checks for an update as an installed app does, and finds the reason if there is none.
 * @throws OtaError `not_the_api` when Tauri's updater could not use the response, naming why; `verification_failed` when
 *   it would use it, and take no update from it; `usage` for a 404
 */
export async function checkForUpdate(
  { client, retry }: InstalledClient,
  app: InstalledApp,
): Promise<UpdateCheckResult> {
  const update = await retry.run(() => client.check(app));
  if (update !== undefined) {
    requireUsable(update);
    return { kind: 'update', update, file: requireTaken(update, app) };
  }
  return { kind: 'no_update', reason: await noUpdateReason({ client, retry }, app) };
}

async function noUpdateReason({ client, retry }: InstalledClient, app: InstalledApp): Promise<string> {
  const platform = platformName(app);
  try {
    const newest = await newestOffered({ client, retry }, app);
    if (newest === undefined) {
      return `nothing is offered for ${platform}: no live release has a file for it that apps of any version could take`;
    }
    return isVersion(newest) && compareVersions(newest, app.currentVersion) > 0
      ? `${newest} is newer for ${platform}, but ${app.currentVersion} is not offered it: its build carries another key than the one that ${newest} is signed with, or it has to take another version first, which is not offered any more`
      : `the newest version for ${platform} is ${newest}, which is not newer than ${app.currentVersion}`;
  } catch (error) {
    // Some servers do not accept the lowest version.
    if (!hasStatus(error, 400, 422)) throw error;
    return `the server has nothing newer than ${app.currentVersion} for ${platform}`;
  }
}

/**
 * The newest version that the oldest app gets to, update by update: a server may lead it over others. Ends with the
 * first that is newer than the app's own.
 */
async function newestOffered(
  { client, retry }: InstalledClient,
  app: InstalledApp,
): Promise<string | undefined> {
  let newest: string | undefined;
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const currentVersion = newest ?? LOWEST_VERSION;
    const next = await retry.run(() => client.check({ ...app, currentVersion, takesLower: false }));
    if (next === undefined || !isVersion(next.version)) return next?.version ?? newest;
    if (compareVersions(next.version, currentVersion) <= 0) return newest;
    newest = next.version;
    if (compareVersions(newest, app.currentVersion) > 0) return newest;
  }
  return newest;
}

/** What an app downloads, and the signature to check it with. */
export interface OfferedFile {
  readonly url: string;
  readonly signature: string;
}

/**
 * What Tauri's updater takes from a response: where there are `platforms` the entry of its own bundle type (from
 * plugin 2.10 on), else its platform's; for a target that the app sets itself, the entry of that name. Undefined when it
 * finds none, which it reports as an error.
 */
export function offeredFile(update: UpdateResponse, platform: Platform): OfferedFile | undefined {
  const { platforms, url, signature } = update;
  if (platforms === undefined) return { url, signature };
  const names = isCustomTarget(platform.target)
    ? [platform.target]
    : [platformName(platform), platformName(withoutBundleType(platform))];
  return names.flatMap((name) => (Object.hasOwn(platforms, name) ? [platforms[name]] : []))[0];
}

/** Why Tauri's updater could not use a response in which all fields have the right types, if it could not. */
export function unusableBecause(update: UpdateResponse): string | undefined {
  const { version, url, pub_date: date, platforms = {} } = update;
  const badUrl = [url, ...Object.values(platforms).map((file) => file.url)].find((text) => !isWebUrl(text));
  const plain = version.replace(/^v+/, '');
  if (!isVersion(plain)) return `version "${version}" ${whyNoVersion(plain)}`;
  if (badUrl !== undefined) return `url "${badUrl}" is not an absolute http(s) URL`;
  if (date != null && !RFC_3339.test(date)) return `pub_date "${date}" is not RFC 3339`;
  return undefined;
}

/**
 * Why apps on other machines cannot download a usable update, although the server is another machine.
 * @throws OtaError `not_the_api` for a URL that is unsafe to use
 */
export function onlyLocalBecause(update: UpdateResponse, server: URL): string | undefined {
  for (const url of urlsOf(update)) {
    const place = unsafePlaceOf(url, server);
    if (place === undefined) continue;
    const reason = unsafeReason(place, url, server);
    if (place === 'only_local') return reason;
    throw unsafeUrl(reason, place);
  }
  return undefined;
}

/** A URL of a usable update that leads to another place than the server, if there is one. */
export function elsewhereUrl(update: UpdateResponse, server: URL): URL | undefined {
  return urlsOf(update).find((offered) => placeOf(offered, server) === 'elsewhere');
}

function urlsOf({ url, platforms = {} }: UpdateResponse): URL[] {
  return [url, ...Object.values(platforms).map((file) => file.url)].map((text) => new URL(text));
}

function requireUsable(update: UpdateResponse): void {
  const reason = unusableBecause(update);
  if (reason === undefined) return;
  const message = `installed apps cannot use the update that is offered: ${reason}`;
  throw new OtaError('not_the_api', message, {
    hint: 'Correct the release on the server; until then its users get no update.',
  });
}

/** @throws OtaError `verification_failed` */
function requireTaken(update: UpdateResponse, app: InstalledApp): OfferedFile {
  const offered = update.version.replace(/^v+/, '');
  const refused = (reason: string) =>
    new OtaError('verification_failed', `installed apps do not take the update that is offered: ${reason}`, {
      hint: 'Check what stands between the server and you, like a cache: a SyncKit OTA server offers only higher versions, with a file for the platform that asks.',
    });
  const file = offeredFile(update, app);
  if (file === undefined) throw refused(`its platforms have no file for ${platformName(app)}`);
  const order = compareAsUpdater(offered, app.currentVersion);
  if (order > 0 || (app.takesLower && order !== 0)) return file;
  throw refused(`${offered} is not higher than ${app.currentVersion}`);
}

function isWebUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
