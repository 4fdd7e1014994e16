import { mayBeCommitted } from '../../database/database-error.ts';
import { findUpload, type PendingUpload } from '../../database/queries/artifacts.ts';
import { newStorageKey } from '../../database/queries/orphans.ts';
import { Problem } from '../../protocol/problem.ts';
import type { ArrivedUpload, ReceivedUpload, UploadArrivals } from '../../storage/remote-storage.ts';
import type { Services } from '../services.ts';
import { type FinalizedUpload, finalizeUpload, wrongSize } from './finalize-upload.ts';

export type FinalizeResult =
  | {
      readonly kind: 'complete';
      /** Whether its release went live with it; undefined when it was not this process that completed it. */
      readonly wentLive: boolean | undefined;
    }
  /** Nothing has arrived. */
  | { readonly kind: 'not_there' }
  /** The upload's release was deleted, or the upload was forgotten. */
  | { readonly kind: 'gone' };

export interface RemoteUploadOptions {
  readonly services: Services;
  readonly arrivals: UploadArrivals;
  readonly upload: FinalizedUpload;
  /** Records why the upload is refused, before anything is dropped. Resolves to false when it could not be recorded. */
  readonly recordRefusal: (refusal: Problem) => Promise<boolean>;
}

/**
 * Receives an upload from where it arrives, if it has, and finalizes it. Refused bytes are removed, both where
 * they arrived and where they would be served from. If the lease was lost and another node has finalized it in the
 * meantime, that result counts, rather than that nothing is left to receive.
 * @throws Problem as `finalizeUpload`
 * @throws OtaError `store_unavailable` also when not the uploaded bytes are wrong, but the store's copy of them
 */
export async function finalizeRemoteUpload(options: RemoteUploadOptions): Promise<FinalizeResult> {
  return new RemoteUpload(options).finalize();
}

class RemoteUpload {
  readonly #options: RemoteUploadOptions;

  constructor(options: RemoteUploadOptions) {
    this.#options = options;
  }

  async finalize(): Promise<FinalizeResult> {
    try {
      const result = await this.#receive();
      return result.kind === 'not_there' ? ((await this.#settled()) ?? result) : result;
    } catch (error) {
      if (mayBeCommitted(error)) throw error; // what the row says now may not last
      const settled = await this.#settled().catch(() => undefined);
      if (settled === undefined) throw error;
      return settled;
    }
  }

  async #receive(): Promise<FinalizeResult> {
    const { services, arrivals, upload } = this.#options;
    const { id, fileSize: size, sha256, pubkey } = upload;
    const identified = sha256 !== null || pubkey !== null;
    const received = await arrivals.receive(id, {
      size,
      blake2b512: pubkey !== null,
      identified,
      newStorageKey: () => newStorageKey(services.database.queries, services.clock()),
    });
    switch (received.kind) {
      case 'not_there':
        return received;
      case 'wrong_size':
        return this.#refuse(received, wrongSize(upload));
      case 'received':
        return this.#finalizeReceived(received);
    }
  }

  async #finalizeReceived(received: ReceivedUpload): Promise<FinalizeResult> {
    const { services, upload } = this.#options;
    try {
      const wentLive = await finalizeUpload(services, upload, received);
      await received.discardArrived().catch(() => {}); // maintenance sweeps it
      return { kind: 'complete', wentLive };
    } catch (error) {
      if (!(error instanceof Problem)) throw error; // not the uploader's fault: what arrived stays for another try
      if (error.code === 'content_mismatch') await received.requireFaithful();
      return this.#refuse(received, error);
    }
  }

  async #refuse(arrived: ArrivedUpload, refusal: Problem): Promise<never> {
    // Unless the reason is recorded, the bytes stay, to be refused again; an upload that is settled needs no reason.
    const isKnown = (await this.#options.recordRefusal(refusal)) || (await this.#settled()) !== undefined;
    if (isKnown) await arrived.discardArrived().catch(() => {}); // maintenance sweeps it
    throw refusal;
  }

  /** The result when the upload is no longer pending. */
  async #settled(): Promise<FinalizeResult | undefined> {
    const { services, upload } = this.#options;
    return settledResult(await findUpload(services.database.queries, upload.id));
  }
}

/** The result of an upload in that state; undefined while it is pending. */
export function settledResult(state: PendingUpload | 'complete' | undefined): FinalizeResult | undefined {
  if (state === undefined) return { kind: 'gone' };
  return state === 'complete' ? { kind: 'complete', wentLive: undefined } : undefined;
}
