import { OtaError } from '../errors.ts';
import type { AppResponse } from '../protocol/messages.ts';
import { type Platform, platformName } from '../protocol/platform.ts';
import { safeFileName } from '../runtime/safe-file-name.ts';
import type { OtaClient } from './ota-client.ts';
import type { Retry } from './retry.ts';

export interface AppReader {
  readonly client: OtaClient;
  readonly retry: Retry;
  readonly appId: string;
}

/**
 * An app with its releases, by the extension `app`.
 * @param hint what else to do with a server without it
 * @throws OtaError `preflight_refused`; as `OtaClient.getApp`
 */
export async function readAppReleases(
  { client, retry, appId }: AppReader,
  hint: string,
): Promise<AppResponse> {
  if (client.extensions.size === 0) await retry.run(() => client.capabilities());
  if (!client.extensions.has('app')) {
    throw new OtaError('preflight_refused', `${client.server.href} does not say what an app has`, { hint });
  }
  return retry.run(() => client.getApp(appId, { include: 'releases' }));
}

/** The name of a release's file, also where none was given. */
export function nameOfFile(
  { slug, version }: { readonly slug: string; readonly version: string },
  { file_name }: { readonly file_name?: string | null | undefined },
  platform: Platform,
): string {
  return safeFileName(file_name ?? '') || `${slug}-${version}-${platformName(platform)}`;
}
