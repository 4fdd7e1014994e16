import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import type { Issue } from '../issue.ts';
import type { Target } from '../protocol/platform.ts';
import { ambiguousIssues, notFoundIssue } from './bundle/bundle-issues.ts';
import type { Candidate, LeftOut } from './bundle/choose-bundles.ts';
import { type ClassifiedTree, classifyBundleFolder } from './bundle/classify-tree.ts';
import { type CargoManifest, readCargoManifest } from './project/cargo-manifest.ts';
import { findCargoTarget, listBundleFolders } from './project/cargo-target.ts';
import type { ConfigLayer } from './project/config-value.ts';
import { findTauriFolder } from './project/find-tauri-folder.ts';
import { type TauriApp, TauriApps } from './project/tauri-app.ts';
import {
  type Sourced,
  slugsOfEndpoints,
  type TauriConfig,
  type UpdaterConfig,
} from './project/tauri-config.ts';

export interface DiscoverOptions {
  /** The project's folder, or one above its Tauri folder. Paths in the result are relative if this one is. */
  readonly project: string;
  readonly cargoTargetDir?: string | undefined; // `CARGO_TARGET_DIR`
  readonly cargoHome?: string | undefined; // `CARGO_HOME`
  /** Cargo's own answer for a package's folder: its target folder, absolute. Its files are read where it has none. */
  readonly askCargo?: ((folder: string) => Promise<string | undefined>) | undefined;
  /** The system with the configuration to read, unless the project was built for other systems only. */
  readonly hostTarget: Target;
  /** Overrides the project's own version. Bundles of other versions are left out. */
  readonly version?: string | undefined;
  /** Values of `tauri build --config`, which are merged into the project's configuration. */
  readonly overrides?: readonly ConfigLayer[] | undefined;
  /** Accepts bundles without a signature too, and packs macOS apps that were not packed into this folder. */
  readonly packInto?: string | undefined;
}

/** A Tauri project and what was built of it. */
export interface Discovery {
  readonly tauriFolder: string;
  readonly configFile: string;
  readonly version: string;
  readonly productName: string;
  /** From the endpoints of the updater, as far as they are of this API; none twice. */
  readonly slugs: Sourced<readonly string[]>;
  readonly pubkey: Sourced<string> | undefined; // `plugins.updater.pubkey`, unparsed
  /** Where the updater asks, by the system that was built for. */
  readonly updaters: ReadonlyMap<Target, UpdaterConfig>;
  /** Whether to serve Tauri 1's updater too. */
  readonly v1Compatible: boolean;
  readonly candidates: readonly Candidate[];
  readonly leftOut: readonly LeftOut[];
  readonly issues: readonly Issue[];
}

/**
 * Finds all signed updater files that `tauri build` left for one version of a project, and why it leaves out the rest.
 * @throws OtaError `usage` when there is no Tauri project, or its configuration is invalid
 */
export async function discoverProject(options: DiscoverOptions): Promise<Discovery> {
  const { hostTarget, version, overrides, packInto } = options;
  const tauriFolder = await findTauriFolder(options.project);
  const manifest = await readCargoManifest(tauriFolder);
  const targetFolder = await findTargetFolder(options, tauriFolder, manifest);

  const apps = new TauriApps({ tauriFolder, manifest, version, overrides });
  const trees: ClassifiedTree[] = [];
  for (const folder of await listBundleFolders(targetFolder))
    trees.push(await classifyBundleFolder(folder, apps, packInto));
  const built = [...apps.read.keys()];
  const app = await apps.for(built.includes(hostTarget) ? hostTarget : (built[0] ?? hostTarget));

  const candidates = trees.flatMap((tree) => tree.candidates);
  const issues = [
    ...versionIssues(apps.read),
    ...trees.flatMap((tree) => tree.issues),
    ...ambiguousIssues(candidates),
  ];
  if (candidates.length === 0 && issues.length === 0) {
    const otherVersions = [...new Set(trees.flatMap((tree) => tree.otherVersions))];
    issues.push(notFoundIssue({ app, targetFolder, otherVersions, signed: packInto === undefined }));
  }
  return {
    tauriFolder,
    configFile: app.config.file,
    version: app.version,
    productName: app.productName,
    slugs: { ...app.config.endpoints, value: slugsOfEndpoints(app.config.endpoints.value) },
    pubkey: app.config.pubkey,
    updaters: new Map([...apps.read].map(([target, { config }]) => [target, updaterOf(config)])),
    v1Compatible: [...apps.read.values()].some(({ config }) => config.updaterArtifacts === 'v1Compatible'),
    candidates,
    leftOut: trees.flatMap((tree) => tree.leftOut),
    issues,
  };
}

function updaterOf({ endpoints, allowsHttp, acceptsInvalidCertificates }: TauriConfig): UpdaterConfig {
  const { source, value } = endpoints;
  return { source, endpoints: value, allowsHttp, acceptsInvalidCertificates };
}

async function findTargetFolder(
  { project, cargoTargetDir, cargoHome, askCargo }: DiscoverOptions,
  tauriFolder: string,
  manifest: CargoManifest | undefined,
): Promise<string> {
  const workspaceRoot = manifest?.workspaceRoot ?? tauriFolder;
  const fromFiles = () => findCargoTarget({ folder: tauriFolder, workspaceRoot, cargoTargetDir, cargoHome });
  const asked = cargoTargetDir || manifest === undefined ? undefined : await askCargo?.(resolve(tauriFolder));
  const read = asked === undefined ? await fromFiles() : await fromFiles().catch(() => asked);
  // Cargo follows links in the project's own path, which messages should show as it was given.
  const targetFolder = asked === undefined || (await isSame(read, asked)) ? read : resolve(asked);
  return isAbsolute(project) ? targetFolder : relative('', targetFolder) || '.';
}

async function isSame(folder: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([folder, other].map((path) => realpath(path).catch(() => resolve(path))));
  return a === b;
}

/** A release has one version, but each system's overlay may set its own. */
function versionIssues(apps: ReadonlyMap<Target, TauriApp>): Issue[] {
  if (new Set([...apps.values()].map(({ version }) => version)).size < 2) return [];
  const versions = [...apps].map(([target, { version }]) => `${version} for ${target}`).sort();
  return [
    {
      id: 'project.versions_differ',
      code: 'usage',
      message: `the Tauri configuration has different versions: ${versions.join(', ')}`,
      hint: 'Choose one with --version.',
    },
  ];
}
