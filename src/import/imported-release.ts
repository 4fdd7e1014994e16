import type { Platform } from '../protocol/platform.ts';

/** A file of a release that is somewhere else. */
export interface ImportedFile {
  readonly platforms: readonly Platform[];
  /** A URL to download, or a file on this machine. */
  readonly from: URL | string;
  /** What it is called there. */
  readonly name: string;
  /** The text of its `.sig`. */
  readonly signature: string;
  /** Undefined where the source does not say. */
  readonly known?: { readonly size: number; readonly sha256: string } | undefined;
}

/** A release that is somewhere else, by what the API can take over. */
export interface ImportedRelease {
  readonly version: string;
  readonly notes: string | undefined;
  readonly channel?: string | undefined;
  /** Extension `key-routing`. */
  readonly requires?: string | undefined;
  readonly embeddedPubkey?: string | undefined;
  readonly files: readonly ImportedFile[];
}
