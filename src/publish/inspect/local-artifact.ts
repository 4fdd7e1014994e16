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
  /** The text of `FILE.sig`, trimmed, or the given signature. */
  readonly signature: string;
}

export interface InspectOptions {
  readonly onHashing?: (file: string) => void;
  readonly signal?: AbortSignal | undefined;
}
