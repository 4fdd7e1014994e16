import type { ArtifactInput } from '../../publish/inspect/local-artifact.ts';
import type { LeftOut } from '../../tauri/bundle/choose-bundles.ts';

/** The build that `dev` offers as an update. */
export interface DevBuild {
  readonly name: string;
  readonly isSample: boolean;
  /** Its own version, which the app to be updated has too. */
  readonly version: string;
  readonly slug: string;
  readonly notes: string | undefined;
  readonly artifacts: readonly ArtifactInput[];
  readonly leftOut: readonly LeftOut[];
  /** What it was built with by `tauri build --config`: files, or JSON. */
  readonly configs?: readonly string[];
}
