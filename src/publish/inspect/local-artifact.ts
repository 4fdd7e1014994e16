import type { PublicKey } from '../../protocol/minisign.ts';
import type { Platform } from '../../protocol/platform.ts';

/** A file and the platform it is for. */
export interface ArtifactInput extends Platform {
  readonly file: string;
  /** Used instead of the content of `FILE.sig`. */
  readonly givenSignature?: string;
}

/** A file as it was inspected: read once, hashed, with its signature. */
export interface LocalArtifact extends ArtifactInput {
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** The text of `FILE.sig`, trimmed, the base64 of a binary one, or the given signature. */
  readonly signature: string;
}

export interface InspectOptions {
  /** The app's key, to check each signature against. */
  readonly publicKey?: PublicKey | undefined;
  /** The version a trusted comment must name, if it names one. */
  readonly version: string;
  /** Whether the files are for Tauri's updater, which can read no binary signature. */
  readonly forTauri?: boolean;
  readonly onHashing?: (file: string) => void;
  readonly signal?: AbortSignal | undefined;
}
