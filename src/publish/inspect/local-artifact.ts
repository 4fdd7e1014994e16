import type { Platform, Target } from '../../protocol/platform.ts';
import type { TauriApp } from '../../tauri/project/tauri-app.ts';

/** A file and the platform it is for. */
export interface ArtifactInput extends Platform {
  readonly file: string;
  /** Used instead of the content of `FILE.sig` or `FILE.minisig`. */
  readonly givenSignature?: string;
}

/** A file as it was inspected: read once, hashed, with its signature. */
export interface LocalArtifact extends ArtifactInput {
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** What it is compared with later: `findIdentity`. Undefined: not known. */
  readonly identity?: string | undefined;
  /** The text of `FILE.sig` or `FILE.minisig` in Tauri's form, the base64 of a binary one, or the given signature. */
  readonly signature: string;
}

/** Reads the app of the Tauri project that a publish runs in, as it is on one system; undefined if it has none. */
export type ProjectApp = (target: Target) => Promise<TauriApp | undefined>;

export interface InspectOptions {
  /** Undefined where there is no Tauri project. */
  readonly projectApp?: ProjectApp | undefined;
  /** Whether what contradicts a file's platform and version was checked before, or is allowed. */
  readonly allowMismatch?: boolean | undefined;
  /** That files must not contradict. */
  readonly version: string;
  readonly onHashing?: (file: string) => void;
  readonly signal?: AbortSignal | undefined;
}
