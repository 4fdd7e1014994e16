import { uploadFile } from '../../client/transfer/upload-file.ts';
import { OtaError } from '../../errors.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { platformName } from '../../protocol/platform.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import type { Publisher } from '../publisher.ts';
import { findKept, whileThere } from '../server-state/withdrawal.ts';
import { completeArrived } from './complete-upload.ts';
import { resolveConflict } from './resolve-conflict.ts';
import type { SentArtifact, UploadOptions } from './upload-grant.ts';
import { storageRefused } from './upload-grant.ts';

/**
 * Brings one file to the server in one piece: asks for a URL just before each try, so that none is too old, sends the
 * file, and where uploads arrive out of the server's sight (extension `complete-upload`) has it taken.
 * @throws OtaError `conflict` when the platform got other bytes meanwhile, or the release was withdrawn
 */
export async function uploadSingle(
  publisher: Publisher,
  release: Pick<ReleaseResponse, 'id' | 'version'>,
  artifact: PlannedArtifact,
  { promised, slug }: UploadOptions,
): Promise<SentArtifact> {
  const { client, transport, retry, report, signal, appId } = publisher;
  const mintUrl = () =>
    whileThere(release.version, () => client.createArtifact(appId, release.id, artifact.body));
  const send = (url: string) =>
    uploadFile(transport, {
      url,
      file: artifact.file,
      size: artifact.size,
      sha256: artifact.sha256,
      onProgress: (sentBytes) => report({ type: 'upload_progress', artifact, sentBytes }),
      signal,
    });
  let refusals = 0;
  let unanswered = false; // then a conflict may be with what this run itself has stored
  let arrived: string | undefined; // sent, and to be taken yet
  return retry.run<SentArtifact>(async (attempt) => {
    try {
      if (arrived === undefined) {
        const upload = (attempt === 1 ? promised : undefined) ?? (await mintUrl());
        const outcome = await send(upload.upload_url).catch(async (error) => {
          const code = error instanceof OtaError ? error.code : undefined;
          unanswered ||= code === 'network';
          if (code === 'usage') await findKept(publisher, release); // 404, as for an upload into what is deleted by now
          throw error;
        });
        if ('urlRefused' in outcome) {
          if (refusals++ > 0) throw storageRefused(artifact, outcome.urlRefused);
          throw new OtaError('network', `the upload URL for ${platformName(artifact)} was refused`, {
            cause: outcome.urlRefused,
          });
        }
        if (upload.upload_id === undefined) return { ...outcome, servedSignature: artifact.signature };
        arrived = upload.upload_id;
      }
      unanswered = true; // the server may take it without being asked
      const wentLive = await completeArrived(publisher, release, arrived);
      return { wentLive, servedSignature: artifact.signature };
    } catch (error) {
      if (!(error instanceof OtaError) || error.code !== 'conflict') throw error;
      const servedSignature = await resolveConflict(publisher, { ...release, slug }, artifact, error);
      return { servedSignature, wentLive: unanswered ? undefined : false };
    }
  });
}
