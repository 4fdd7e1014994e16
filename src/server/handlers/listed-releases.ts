import { readDraftFiles } from '../../database/queries/release-files.ts';
import { listReleases } from '../../database/queries/releases.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { platformName } from '../../protocol/platform.ts';
import { toListed } from '../http/release-response.ts';
import type { Services } from '../services.ts';

/** api.md, "List Releases"; a draft with the platforms that are being uploaded into it (extension `draft`). */
export async function listedReleases(
  { database, clock }: Pick<Services, 'database' | 'clock'>,
  appId: string,
): Promise<ReleaseResponse[]> {
  const releases = await listReleases(database.queries, appId);
  const listed = releases.map(async (release): Promise<ReleaseResponse> => {
    if (release.status !== 'draft') return toListed(release);
    const { outstanding } = await readDraftFiles(database.queries, release.id, clock());
    const uploading = [...new Set(outstanding.map(platformName))].sort();
    return { ...toListed(release), ...(uploading.length > 0 && { uploading }) };
  });
  return Promise.all(listed);
}
