import { type DeletedFile, deletedFiles } from '../../database/queries/artifacts.ts';
import { findListed, highestPublished, listVersions } from '../../database/queries/list-releases.ts';
import { readRoutedFiles } from '../../database/queries/routed-files.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { AppResponse, DeletedFileResponse } from '../../protocol/messages.ts';
import { precedenceOf } from '../../protocol/version.ts';
import type { Services } from '../services.ts';
import { toListedReleases } from './listed-releases.ts';

/** What is to be published. */
export interface ToPublish {
  readonly version: string;
  readonly channel?: string | undefined;
  readonly requires?: string | undefined;
}

/**
 * Extension `publish-state`: of the app's releases and deleted files those that decide whether and how a version can be
 * published. Their number does not grow with that of the releases.
 */
export async function publishState(
  services: Services,
  appId: string,
  { version, channel = STABLE, requires }: ToPublish,
): Promise<Pick<AppResponse, 'releases' | 'deleted'>> {
  const { queries } = services.database;
  const existing = await findListed(queries, appId, version);
  const required = [requires, existing?.requires].filter((one) => typeof one === 'string');
  const change = { versions: [version], requires: required };
  const { known, live } = await readRoutedFiles(queries, appId, change);
  const channels = [...new Set([STABLE, channel, existing?.channel ?? STABLE])];
  const highest = await Promise.all(
    channels.map((one) => highestPublished(queries, { appId, channel: one }, version)),
  );
  const precedences = new Set([
    precedenceOf(version),
    ...known.map(({ precedence }) => precedence),
    ...live.map((file) => precedenceOf(file.version)),
    ...highest.flat(),
  ]);
  const releases = await toListedReleases(services, await listVersions(queries, appId, [...precedences]));
  return {
    releases: releases.map((release) =>
      release.id === existing?.id ? { ...release, notes: existing.notes } : release,
    ),
    deleted: await listDeletedFiles(services, appId, [...precedences]),
  };
}

/** Files of some versions that were live and are listed no more; with the bytes that their versions must have again. */
async function listDeletedFiles(
  services: Services,
  appId: string,
  precedences: readonly string[],
): Promise<DeletedFileResponse[]> {
  const deleted = await deletedFiles(services.database.queries, appId, precedences);
  return deleted.map(deletedFileResponse(services));
}

export function deletedFileResponse({ allowVersionReuse }: Pick<Services, 'allowVersionReuse'>) {
  return ({ sha256, ...file }: DeletedFile): DeletedFileResponse => ({
    ...file,
    ...(!allowVersionReuse && { sha256 }),
  });
}
