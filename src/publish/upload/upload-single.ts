import { atHandedOutUrl, withSource } from '../../client/handed-out-url.ts';
import { SourceFile } from '../../client/transfer/source-file.ts';
import { type UploadResult, uploadFile } from '../../client/transfer/upload-file.ts';
import { hasStatus, OtaError } from '../../errors.ts';
import { platformName } from '../../protocol/platform.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import { refetchRelease, requireNotDeleted } from '../server-state/withdrawal.ts';
import { completeUpload } from './complete-upload.ts';
import { resolveConflict } from './resolve-conflict.ts';
import { storageRefused, type UploadContext, type UploadedFile, type UploadGrant } from './upload-grant.ts';

/**
 * Uploads one file by a single PUT. Requests a URL just before each attempt, so that none has expired, sends the file,
 * and waits for the server to process it where uploads go to another storage (extension `complete-upload`).
 * @param grant one that was requested before, for the first attempt
 * @throws OtaError `conflict` when the platform has a different file by now, or the release was withdrawn
 */
export async function uploadSingle(
  context: UploadContext,
  artifact: PlannedArtifact,
  grant?: UploadGrant,
): Promise<UploadedFile> {
  const upload = new SingleUpload(context, artifact);
  return context.publisher.retry.run((attempt) => upload.attempt(attempt === 1 ? grant : undefined));
}

/** The state that the attempts to upload a file share. */
class SingleUpload {
  readonly #context: UploadContext;
  readonly #artifact: PlannedArtifact;
  #refusals = 0;
  /** Whether the server may have stored the file without this run knowing: a conflict may then be with itself. */
  #mayBeStored = false;
  /** Set once the file was sent, and the server still has to process it. */
  #sentUploadId: string | undefined;

  constructor(context: UploadContext, artifact: PlannedArtifact) {
    this.#context = context;
    this.#artifact = artifact;
  }

  async attempt(grant: UploadGrant | undefined): Promise<UploadedFile> {
    try {
      return await this.#sendAndComplete(grant);
    } catch (error) {
      if (!(error instanceof OtaError) || error.code !== 'conflict') throw error;
      const servedSignature = await resolveConflict(this.#context, this.#artifact, error);
      return { servedSignature, wentLive: this.#mayBeStored ? undefined : false };
    }
  }

  async #sendAndComplete(known: UploadGrant | undefined): Promise<UploadedFile> {
    const { servedSignature } = this.#artifact;
    if (this.#sentUploadId === undefined) {
      const grant = known ?? (await this.#requestGrant());
      const result = await this.#send(grant.upload_url);
      if (result.kind === 'url_refused') {
        const { server } = this.#context.publisher.client;
        throw this.#urlRefused(withSource(result.error, new URL(grant.upload_url), server));
      }
      if (result.kind === 'unconfirmed') {
        this.#mayBeStored = true;
        await this.#requestGrant(); // a conflict if it is stored
        throw result.error;
      }
      if (grant.upload_id === undefined) return { wentLive: result.wentLive, servedSignature };
      this.#sentUploadId = grant.upload_id;
    }
    this.#mayBeStored = true; // the server may process it without being asked
    return { wentLive: await completeUpload(this.#context, this.#sentUploadId), servedSignature };
  }

  #requestGrant(): Promise<UploadGrant> {
    const { publisher, release } = this.#context;
    const { client, appId } = publisher;
    return requireNotDeleted(release.version, () =>
      client.createArtifact(appId, release.id, this.#artifact.body),
    );
  }

  async #send(url: string): Promise<UploadResult> {
    const { publisher, release } = this.#context;
    const { client, transport, report, signal } = publisher;
    const artifact = this.#artifact;
    try {
      const request = {
        url,
        source: new SourceFile(artifact),
        onProgress: (sentBytes: number) => report({ type: 'upload_progress', artifact, sentBytes }),
        server: client.serverKind,
        signal,
      };
      return await atHandedOutUrl(url, client.server, () => uploadFile(transport, request));
    } catch (error) {
      if (error instanceof OtaError && error.retryable) this.#mayBeStored = true;
      if (hasStatus(error, 404)) await refetchRelease(publisher, release); // the release may have been deleted
      throw error;
    }
  }

  #urlRefused(cause: OtaError): OtaError {
    if (this.#refusals++ > 0) return storageRefused(this.#artifact, cause);
    const message = `the upload URL for ${platformName(this.#artifact)} was refused: ${cause.message}`;
    return new OtaError('network', message, { cause, hint: cause.hint });
  }
}
