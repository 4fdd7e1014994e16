import { dirname, join } from 'node:path';
import type { Issue } from '../../issue.ts';
import { type PublicKey, parsePublicKey } from '../../protocol/minisign.ts';
import type { ArtifactInput } from '../../publish/inspect/local-artifact.ts';
import { readSmallFile } from '../../runtime/small-file.ts';
import { chooseForPlatform, type LeftOut } from '../../tauri/bundle/choose-bundles.ts';
import { type DiscoverOptions, type Discovery, discoverProject } from '../../tauri/discover-project.ts';
import { changelogSection } from '../../tauri/project/changelog-section.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import { hostTarget } from './host-platform.ts';

/** What a publish takes from a Tauri project where it is not told otherwise. */
export interface DiscoveredRelease {
  readonly productName: string;
  readonly version: string;
  readonly slug: string | undefined;
  /** `plugins.updater.pubkey`, and the file it stands in. */
  readonly pubkey: { readonly text: string; readonly file: string } | undefined;
  /** The version's section of the project's CHANGELOG.md. */
  readonly notes: string | undefined;
  readonly artifacts: readonly ArtifactInput[];
  readonly leftOut: readonly LeftOut[];
  readonly issues: readonly Issue[];
}

/** Discovers what to publish. What keeps it from being discovered is among the problems. */
export async function discoverRelease(
  { project, version, packInto }: Pick<DiscoverOptions, 'project' | 'version' | 'packInto'>,
  problems: OptionErrors,
): Promise<DiscoveredRelease | undefined> {
  const discovery = await problems.attemptAsync(() =>
    discoverProject({
      project,
      version,
      packInto,
      cargoTargetDir: process.env.CARGO_TARGET_DIR || process.env.CARGO_BUILD_TARGET_DIR,
      hostTarget: hostTarget(),
    }),
  );
  if (discovery === undefined) return undefined;
  // Where a server holds one file for a platform, that is chosen once it is known.
  const { chosen, leftOut } = chooseForPlatform(discovery.candidates, {
    bundleTypes: true,
    v1Compatible: discovery.v1Compatible,
  });
  return {
    productName: discovery.productName,
    version: discovery.version,
    slug: discovery.slug,
    pubkey:
      discovery.pubkey === undefined ? undefined : { text: discovery.pubkey, file: discovery.configFile },
    notes: findNotes(project, discovery),
    artifacts: chosen,
    leftOut: [...discovery.leftOut, ...leftOut],
    issues: discovery.issues,
  };
}

/** The project's own key; undefined when it has none. */
export function readProjectKey(
  discovered: DiscoveredRelease | undefined,
  problems: OptionErrors,
): PublicKey | undefined {
  if (discovered?.pubkey === undefined) return undefined;
  const { text, file } = discovered.pubkey;
  const key = parsePublicKey(text);
  if (key === undefined) {
    const remedy = "put the content of the signer's .pub file there";
    problems.add(`plugins.updater.pubkey in ${file} is no minisign public key: ${remedy}`);
  }
  return key;
}

/** From the first CHANGELOG.md that has the version: in the project, above its Tauri folder, or in that. */
function findNotes(project: string, { tauriFolder, version }: Discovery): string | undefined {
  for (const folder of new Set([project, dirname(tauriFolder), tauriFolder])) {
    const section = changelogSection(readIfThere(join(folder, 'CHANGELOG.md')), version);
    if (section !== undefined) return section;
  }
  return undefined;
}

function readIfThere(file: string): string {
  try {
    return readSmallFile(file);
  } catch {
    return '';
  }
}
