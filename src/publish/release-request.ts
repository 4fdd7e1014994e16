import type { JobRun } from '../protocol/upload/job-run.ts';
import type { Sourced } from '../tauri/project/tauri-config.ts';
import type { RequestedKeys } from './known-keys.ts';

/** The release to publish, before anything is known about the server. */
export interface ReleaseRequest extends RequestedKeys {
  readonly version: string;
  readonly notes?: string | undefined;
  /** Where the notes come from, for messages. */
  readonly notesSource?: string | undefined;
  /** To be registered for the app; unchanged when absent. */
  readonly slug?: string | undefined;
  /** Those in the endpoints of the project, which count where no slug is given. */
  readonly projectSlugs?: Sourced<readonly string[]> | undefined;
  /** Extension `channel`; stable when absent. */
  readonly channel?: string | undefined;
  /** Extension `draft`: upload, and leave the release a draft. */
  readonly draft?: boolean;
  /** Extension `expect`: names of the platforms that must be uploaded before it goes live. */
  readonly expect?: readonly string[] | undefined;
  /** Extension `replace-draft-files`: the job that publishes it. It may replace its earlier files in a draft. */
  readonly run?: JobRun | undefined;
  /** Allow a pre-release in the stable channel. */
  readonly allowPrerelease: boolean;
  /** Allow a version that is lower than what is live. */
  readonly allowLower?: boolean;
  /** Extension `key-routing`: the lowest version that it is offered to. */
  readonly requires?: string | undefined;
  /** Allow that some versions have no way to the highest release any more. */
  readonly allowStranding?: boolean;
}
