import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import { OtaError } from '../errors.ts';
import type { Issue } from '../issue.ts';
import type { Target } from '../protocol/platform.ts';
import { ambiguousIssues, notFoundIssue } from './bundle/bundle-issues.ts';
import { listDownloadedFolders } from './bundle/bundle-path.ts';
import type { Candidate, LeftOut } from './bundle/choose-bundles.ts';
import { classifyFolders } from './bundle/classify-tree.ts';
import { type CargoManifest, readCargoManifest } from './project/cargo-manifest.ts';
import { type BundleFolder, findCargoTarget, listBundleFolders } from './project/cargo-target.ts';
import type { ConfigLayer } from './project/config-value.ts';
import { findTauriFolder } from './project/find-tauri-folder.ts';
import { type TauriApp, TauriApps } from './project/tauri-app.ts';
import { type Sourced, slugsOfEndpoints, type UpdaterConfig, updaterOf } from './project/tauri-config.ts';

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
  /** Folders with downloaded bundles, to be searched at any depth in place of Cargo's target folder. */
  readonly bundles?: readonly string[] | undefined;
  /** Whether a kind of bundle may be unsigned while another kind for its platform is signed. */
  readonly allowUnsignedKind?: boolean | undefined;
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
  /** The same by the system that was built for, as each system's overlay may set its own. */
  readonly pubkeys: ReadonlyMap<Target, Sourced<string>>;
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
  const { hostTarget, version, overrides, packInto, allowUnsignedKind = false } = options;
  const tauriFolder = await findTauriFolder(options.project);
  const manifest = await readCargoManifest(tauriFolder);
  const { where, folders, anyFolder } = await findBundleFolders(options, tauriFolder, manifest);

  const apps = new TauriApps({ tauriFolder, manifest, version, overrides });
  const versionIsConfigured = version === undefined;
  const rules = { packInto, anyFolder, versionIsConfigured, allowUnsignedKind };
  const classified = await classifyFolders(folders, apps, rules);
  const built = [...apps.read.keys()];
  const app = await apps.for(built.includes(hostTarget) ? hostTarget : (built[0] ?? hostTarget));

  const { candidates, leftOut } = classified;
  const issues = [...versionIssues(apps.read), ...classified.issues, ...ambiguousIssues(candidates)];
  if (candidates.length === 0 && issues.length === 0) {
    const otherVersions = [...new Set(classified.otherVersions)];
    const { otherSigned } = classified;
    const onlyDebug = folders.length > 0 && folders.every(({ profile }) => profile === 'debug');
    const signed = packInto === undefined;
    const found = { otherVersions, otherSigned, onlyDebug };
    issues.push(notFoundIssue({ app, where, ...found, isDownload: anyFolder, signed }));
  }
  return {
    tauriFolder,
    configFile: app.config.file,
    version: app.version,
    productName: app.productName,
    slugs: { ...app.config.endpoints, value: slugsOfEndpoints(app.config.endpoints.value) },
    pubkey: app.config.pubkey,
    pubkeys: pubkeysOf(apps.read),
    updaters: new Map([...apps.read].map(([target, { config }]) => [target, updaterOf(config)])),
    v1Compatible: [...apps.read.values()].some(({ config }) => config.updaterArtifacts === 'v1Compatible'),
    candidates,
    leftOut,
    issues,
  };
}

function pubkeysOf(apps: ReadonlyMap<Target, TauriApp>): Map<Target, Sourced<string>> {
  const pubkeys = new Map<Target, Sourced<string>>();
  for (const [target, { config }] of apps)
    if (config.pubkey !== undefined) pubkeys.set(target, config.pubkey);
  return pubkeys;
}

interface BundleFolders {
  /** For messages. */
  readonly where: string;
  readonly folders: readonly BundleFolder[];
  /** Whether folders of any name hold bundles. */
  readonly anyFolder: boolean;
}

async function findBundleFolders(
  options: DiscoverOptions,
  tauriFolder: string,
  manifest: CargoManifest | undefined,
): Promise<BundleFolders> {
  const { bundles = [] } = options;
  if (bundles.length === 0) {
    const targetFolder = await findTargetFolder(options, tauriFolder, manifest);
    return { where: targetFolder, folders: await listBundleFolders(targetFolder), anyFolder: false };
  }
  const byPath = new Map<string, BundleFolder>(); // one folder may be inside another
  for (const folder of bundles) {
    await requireFolder(folder);
    for (const found of await listDownloadedFolders(folder)) {
      const path = resolve(found.folder);
      if (!byPath.has(path)) byPath.set(path, found);
    }
  }
  return { where: bundles.join(', '), folders: [...byPath.values()], anyFolder: true };
}

/** @throws OtaError `usage` */
async function requireFolder(folder: string): Promise<void> {
  const stats = await stat(folder).catch(() => undefined);
  if (stats?.isDirectory()) return;
  const problem = stats === undefined ? 'does not exist' : 'is not a folder';
  throw new OtaError('usage', `--bundles ${folder} ${problem}`, {
    hint: 'Give the folder that the bundles were downloaded into.',
  });
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
