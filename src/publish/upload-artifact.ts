import { Retry } from '../client/retry.ts';
import { uploadFile } from '../client/upload.ts';
import { OtaError } from '../errors.ts';
import type { CreateArtifactAnswer, ReleaseAnswer } from '../protocol/messages.ts';
import { platformName } from '../protocol/platform.ts';
import { completeArrived } from './complete-arrived.ts';
import type { PlannedArtifact } from './plan.ts';
import type { Publisher } from './publisher.ts';
import { listedArtifacts, servedArtifacts } from './server-view.ts';
import { findKept, whileThere } from './withdrawn.ts';

/** What a server promised to take. */
export type PromisedUpload = Pick<CreateArtifactAnswer, 'upload_url' | 'upload_id'>;

export interface UploadArtifactOptions {
  /** One that was asked for already, for the first try. */
  readonly promised?: PromisedUpload | undefined;
  /** The app's slug: where a server does not list artifacts, it tells what is served already. */
  readonly slug?: string | undefined;
}

/** A file that is on the server. */
export interface SentArtifact {
  /** What is served for it: another job may have stored the same bytes, signed by itself. */
  readonly servedSignature: string;
  /** Whether the release went live by it. Undefined where nobody told. */
  readonly wentLive: boolean | undefined;
}

/**
 * Brings one file to the server: asks for a URL just before each try, so that none is too old, sends the file, and
 * where uploads arrive out of the server's sight (extension `complete-upload`) has it taken.
 * @throws OtaError `conflict` when the platform got other bytes meanwhile, or the release was withdrawn
 */
export async function uploadArtifact(
  publisher: Publisher,
  release: Pick<ReleaseAnswer, 'id' | 'version'>,
  artifact: PlannedArtifact,
  { promised, slug }: UploadArtifactOptions = {},
): Promise<SentArtifact> {
  const { client, transport, retry, report, signal, appId } = publisher;
  report({ type: 'upload_started', artifact });
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
  const sent = await retry.run<SentArtifact>(async (attempt) => {
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
      const servedSignature = await settleConflict(publisher, { ...release, slug }, artifact, error);
      return { servedSignature, wentLive: unanswered ? undefined : false };
    }
  });
  report({ type: 'uploaded', artifact });
  return sent;
}

/** A URL that was made just before is refused: another would be too. */
function storageRefused(artifact: PlannedArtifact, cause: OtaError): OtaError {
  const message = `the storage refuses the upload of ${platformName(artifact)}: ${cause.message}`;
  return new OtaError('unauthorized', message, {
    cause,
    hint: "It is the server's storage, or its clock, that is not set up right: tell whoever runs it.",
  });
}

/**
 * An earlier try that got no answer, or another job, may have stored these very bytes: then all is well.
 * @returns the signature that is served for them
 */
async function settleConflict(
  publisher: Publisher,
  { id, version, slug }: Pick<ReleaseAnswer, 'id' | 'version'> & { readonly slug: string | undefined },
  artifact: PlannedArtifact,
  conflict: OtaError,
): Promise<string> {
  const release = await findKept(publisher, { id, version });
  const asked = { ...publisher, retry: new Retry({ maxTries: 1 }) }; // a failure is tried again with the upload
  const artifacts =
    release.artifacts === undefined && slug !== undefined
      ? await servedArtifacts(asked, release, slug, [artifact])
      : listedArtifacts(release);
  const stored = artifacts.get(platformName(artifact));
  if (stored?.sha256 !== artifact.sha256) throw conflict;
  return stored.signature ?? artifact.signature;
}
