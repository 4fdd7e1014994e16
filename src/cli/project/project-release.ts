import { join } from 'node:path';
import { type Checked, collect, type Issue, ok, refused } from '../../issue.ts';
import { formatPublicKey, type PublicKey, parsePublicKey, publicKeyIdOf } from '../../protocol/minisign.ts';
import type { Target } from '../../protocol/platform.ts';
import type { ArtifactInput } from '../../publish/inspect/local-artifact.ts';
import { chooseForPlatform, type LeftOut } from '../../tauri/bundle/choose-bundles.ts';
import { type DiscoverOptions, type Discovery, discoverProject } from '../../tauri/discover-project.ts';
import type { Sourced } from '../../tauri/project/tauri-config.ts';
import { PUBKEY_SETTING, readUpdaterKey } from '../../tauri/project/updater-key.ts';
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
  /** The same by the system of the files. */
  readonly pubkeys: ReadonlyMap<Target, Sourced<string>>;
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
    pubkeys: new Map(
      [...discovery.pubkeys].filter(([system]) => chosen.some(({ target }) => target === system)),
    ),
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
 * The project's own key; undefined when it has none. One that an app cannot read is refused, and so are different ones
 * for the systems of a release, which has one key in its builds.
 * @param given another key by which signatures are checked: the project's may then be a placeholder, which the app
 * replaces when it runs
 */
export function readProjectKey(
  { pubkey, pubkeys }: Pick<DiscoveredRelease, 'pubkey' | 'pubkeys'>,
  given?: PublicKey,
): Checked<PublicKey | undefined> {
  const isMeant = ({ value }: Sourced<string>) => given === undefined || parsePublicKey(value) !== undefined;
  const bySystem = [...pubkeys].filter(([, key]) => isMeant(key));
  const [first = pubkey] = bySystem.map(([, key]) => key);
  if (first === undefined || !isMeant(first)) return ok(undefined);
  const distinct = [
    ...new Map([first, ...bySystem.map(([, key]) => key)].map((key) => [key.value, key])).values(),
  ];
  const { values, issues } = collect(distinct.map(({ value, source }) => readUpdaterKey(value, source)));
  if (issues.length > 0) return refused(...issues);
  const differ = new Set(values.map(formatPublicKey)).size > 1;
  return differ ? refused(keysDiffer(bySystem)) : ok(values[0]);
}

function keysDiffer(pubkeys: readonly (readonly [Target, Sourced<string>])[]): Issue {
  const keys = pubkeys.map(
    ([target, { value, source }]) => `${publicKeyIdOf(value) ?? value} for ${target} (${source})`,
  );
  return {
    id: 'project.keys_differ',
    code: 'usage',
    message: `${PUBKEY_SETTING} is not the same for all systems: ${keys.sort().join(', ')}`,
    hint: 'All builds of a release carry the same key: build again with one, or name the one that they all carry with --embedded-pubkey.',
  };
}
