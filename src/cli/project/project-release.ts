import { join } from 'node:path';
import { type Checked, type Issue, ok } from '../../issue.ts';
import { type PublicKey, parsePublicKey } from '../../protocol/minisign.ts';
import type { ArtifactInput } from '../../publish/inspect/local-artifact.ts';
import { chooseForPlatform, type LeftOut } from '../../tauri/bundle/choose-bundles.ts';
import { type DiscoverOptions, type Discovery, discoverProject } from '../../tauri/discover-project.ts';
import type { Sourced } from '../../tauri/project/tauri-config.ts';
import { readUpdaterKey } from '../../tauri/project/updater-key.ts';
import type { Environment } from '../environment.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import { hostTarget } from './host-platform.ts';

/** What a publish reads from a Tauri project, where options and config file leave it open. */
export interface DiscoveredRelease {
  readonly productName: string;
  readonly version: string;
  /** Those of the updater's endpoints. */
  readonly slugs: Sourced<readonly string[]>;
  readonly pubkey: Sourced<string> | undefined; // `plugins.updater.pubkey`
  /** The folder with the Tauri configuration. */
  readonly tauriFolder: string;
  /** Where the updater of the build asks, by system. */
  readonly updaters: Discovery['updaters'];
  readonly artifacts: readonly ArtifactInput[];
  readonly leftOut: readonly LeftOut[];
  readonly issues: readonly Issue[];
}

export interface DiscoverReleaseOptions
  extends Pick<
    DiscoverOptions,
    'project' | 'version' | 'overrides' | 'packInto' | 'askCargo' | 'bundles' | 'allowUnsignedKind'
  > {
  readonly environment: Environment;
}

/** Finds what to publish. @returns undefined when there is nothing; the reason is added to `errors` */
export async function discoverRelease(
  { environment, ...options }: DiscoverReleaseOptions,
  errors: OptionErrors,
): Promise<DiscoveredRelease | undefined> {
  const discovery = await errors.attemptAsync(() =>
    discoverProject({
      ...options,
      cargoTargetDir: environment.CARGO_TARGET_DIR?.trim() || environment.CARGO_BUILD_TARGET_DIR?.trim(),
      cargoHome: cargoHome(environment),
      hostTarget: hostTarget(),
    }),
  );
  if (discovery === undefined) return undefined;
  // If the server stores one file per platform, it is chosen later, when the server is known.
  const { chosen, leftOut } = chooseForPlatform(discovery.candidates, {
    bundleTypes: true,
    v1Compatible: discovery.v1Compatible,
  });
  return {
    productName: discovery.productName,
    version: discovery.version,
    slugs: discovery.slugs,
    pubkey: discovery.pubkey,
    tauriFolder: discovery.tauriFolder,
    updaters: discovery.updaters,
    artifacts: chosen,
    leftOut: [...discovery.leftOut, ...leftOut],
    issues: discovery.issues,
  };
}

function cargoHome({ CARGO_HOME, HOME, USERPROFILE }: Environment): string | undefined {
  const home = HOME || USERPROFILE;
  return CARGO_HOME?.trim() || (home && join(home, '.cargo'));
}

/**
 * The project's own key; undefined when it has none. One that the app cannot read is refused.
 * @param given another key by which signatures are checked: the project's may then be a placeholder, which the app
 * replaces when it runs
 */
export function readProjectKey(
  { pubkey }: Pick<DiscoveredRelease, 'pubkey'>,
  given?: PublicKey,
): Checked<PublicKey | undefined> {
  if (pubkey === undefined) return ok(undefined);
  if (given !== undefined && parsePublicKey(pubkey.value) === undefined) return ok(undefined);
  return readUpdaterKey(pubkey.value, pubkey.source);
}
