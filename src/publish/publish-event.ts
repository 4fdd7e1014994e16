import type { RetryNotice } from '../client/retry.ts';
import type { Signer } from '../protocol/attestation/signer.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import type { Platform } from '../protocol/platform.ts';
import type { LeftOut } from '../tauri/bundle/choose-bundles.ts';
import type { LocalArtifact } from './inspect/local-artifact.ts';

/** What happens while publishing, for reporters. Nothing in this folder prints. */
export type PublishEvent =
  | { readonly type: 'hashing'; readonly file: string }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'slug_set'; readonly slug: string }
  /** An endpoint of the build leads to this app, or will once the slug is registered. */
  | { readonly type: 'endpoint_checked'; readonly endpoint: string; readonly isPending: boolean }
  | { readonly type: 'left_out'; readonly leftOut: LeftOut }
  /** A dry run that ends in an error. */
  | { readonly type: 'refused'; readonly artifacts: readonly RefusedArtifact[] }
  | {
      readonly type:
        | 'release_created'
        | 'release_found'
        | 'notes_added'
        | 'manifest_signed'
        | 'went_live'
        | 'rolled_back';
      readonly release: ReleaseResponse;
    }
  | { readonly type: 'attested'; readonly release: ReleaseResponse; readonly signer: Signer }
  | { readonly type: 'skipped' | 'upload_started' | 'uploaded'; readonly artifact: ShownArtifact }
  | { readonly type: 'upload_progress'; readonly artifact: ShownArtifact; readonly sentBytes: number }
  | { readonly type: 'verified'; readonly platform: Platform }
  | { readonly type: 'retrying'; readonly notice: RetryNotice };

/** A file of a publish that is refused. */
export interface RefusedArtifact extends LocalArtifact {
  /** Whether there is an issue with this file. */
  readonly refused: boolean;
}

/** The part of a planned artifact that reporters show. */
export interface ShownArtifact extends Platform {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256?: string;
  /** Whether it takes the place of a file in a draft. */
  readonly replaces?: true;
  /** Whether the server had lost its bytes. */
  readonly repairs?: true;
}
