import { uploadFile } from '../client/upload.ts';
import { OtaError } from '../errors.ts';
import { platformName } from '../protocol/platform.ts';
import { listedArtifacts } from './look.ts';
import type { PlannedArtifact } from './plan.ts';
import type { Publisher } from './publisher.ts';

/**
 * Brings one file to the server: asks for a URL just before each try, so that none is too old, and sends the file.
 * @throws OtaError `conflict` when the platform got other bytes meanwhile
 */
export async function uploadArtifact(
  publisher: Publisher,
  releaseId: string,
  artifact: PlannedArtifact,
): Promise<void> {
  const { client, transport, retry, report, signal, appId } = publisher;
  report({ type: 'upload_started', artifact });
  await retry.run(async () => {
    try {
      const { upload_url: url } = await client.createArtifact(appId, releaseId, artifact.body);
      const outcome = await uploadFile(transport, {
        url,
        file: artifact.file,
        size: artifact.size,
        sha256: artifact.sha256,
        onProgress: (sentBytes) => report({ type: 'upload_progress', artifact, sentBytes }),
        signal,
      });
      if (outcome === 'url_refused') {
        throw new OtaError('network', `the upload URL for ${platformName(artifact)} was refused or expired`);
      }
    } catch (error) {
      if (!(error instanceof OtaError) || error.code !== 'conflict') throw error;
      await settleConflict(publisher, releaseId, artifact, error);
    }
  });
  report({ type: 'uploaded', artifact });
}

/** An earlier try that got no answer, or another job, may have stored these very bytes: then all is well. */
async function settleConflict(
  { client, appId }: Publisher,
  releaseId: string,
  artifact: PlannedArtifact,
  conflict: OtaError,
): Promise<void> {
  const releases = await client.listReleases(appId);
  const release = releases.find(({ id }) => id === releaseId);
  const stored = release && listedArtifacts(release).get(platformName(artifact));
  if (stored?.sha256 !== artifact.sha256) throw conflict;
}
