import { isAbsolute, relative } from 'node:path';
import type { Issue } from '../issue.ts';
import type { Target } from '../protocol/platform.ts';
import { clashIssues, classifyUnsigned, nothingFoundIssue, onlyDmgIssue } from './bundle/bundle-issues.ts';
import { targetOfBundle } from './bundle/bundle-name.ts';
import { type BundleTree, type FoundBundle, readBundleTree } from './bundle/bundle-tree.ts';
import type { Candidate, LeftOut } from './bundle/choose-bundles.ts';
import { classifyBundle } from './bundle/classify-bundle.ts';
import { prepareUnsigned } from './bundle/pack-unsigned-apps.ts';
import { readCargoManifest } from './project/cargo-manifest.ts';
import { findCargoTarget, listBundleFolders } from './project/cargo-target.ts';
import { findTauriFolder } from './project/find-tauri-folder.ts';
import { readTauriApp, type TauriApp } from './project/tauri-app.ts';
import { slugOfEndpoints } from './project/tauri-config.ts';

export interface DiscoverOptions {
  /** The project's folder, or one above its Tauri folder. What is found has paths like this one: relative or not. */
  readonly project: string;
  /** `CARGO_TARGET_DIR`, if it is set. */
  readonly cargoTargetDir?: string | undefined;
  /** Whose configuration tells version, name and key, unless only other systems were built for. */
  readonly hostTarget: Target;
  /** In place of the project's own: bundles of any other are left out. */
  readonly version?: string | undefined;
  /**
   * For a rehearsal, which signs by itself: bundles without a signature are taken too, and a macOS app that was not
   * packed is packed into this folder.
   */
  readonly packInto?: string | undefined;
}

/** What a Tauri project is called and has built. */
export interface Discovery {
  readonly tauriFolder: string;
  readonly configFile: string;
  readonly version: string;
  readonly productName: string;
  /** From the endpoint that installed apps ask; undefined when none has the form of this API. */
  readonly slug: string | undefined;
  /** `plugins.updater.pubkey`, as it stands there. */
  readonly pubkey: string | undefined;
  /** Whether Tauri 1's updater is to be served too. */
  readonly v1Compatible: boolean;
  readonly candidates: readonly Candidate[];
  readonly leftOut: readonly LeftOut[];
  readonly issues: readonly Issue[];
}

/**
 * Finds every signed updater file that `tauri build` left for one version of a project, and says of everything else
 * why it is left out. What is wrong with files is among the issues.
 * @throws OtaError `usage` when there is no Tauri project, or its configuration cannot be used
 */
export async function discoverProject(options: DiscoverOptions): Promise<Discovery> {
  const tauriFolder = await findTauriFolder(options.project);
  const manifest = await readCargoManifest(tauriFolder);
  const builtInto = await findCargoTarget({
    folder: tauriFolder,
    workspaceRoot: manifest?.workspaceRoot ?? tauriFolder,
    cargoTargetDir: options.cargoTargetDir,
  });
  const targetFolder = isAbsolute(options.project) ? builtInto : relative('', builtInto) || '.';

  const apps = new Map<Target, TauriApp>();
  const appFor = async (target: Target): Promise<TauriApp> => {
    const app = apps.get(target) ?? (await readTauriApp(tauriFolder, target, manifest, options.version));
    apps.set(target, app);
    return app;
  };
  const trees: Judged[] = [];
  for (const folder of await listBundleFolders(targetFolder)) {
    const tree = await readBundleTree(folder);
    const file = folder.folder;
    const { triple } = folder;
    if (folder.profile === 'debug') {
      if (tree.bundles.length > 0) trees.push(passedOver(file, 'debug builds are never published', true));
    } else if (triple && !triple.means) {
      if (tree.bundles.length > 0) trees.push(passedOver(file, `no updater asks for ${triple.name}`, false));
    } else {
      const { packInto } = options;
      trees.push(await judgeTree(packInto ? await prepareUnsigned(tree, packInto) : tree, appFor));
    }
  }

  const built = [...apps.keys()];
  const app = await appFor(
    built.includes(options.hostTarget) ? options.hostTarget : (built[0] ?? options.hostTarget),
  );
  const candidates = trees.flatMap((tree) => tree.candidates);
  const issues = [
    ...versionIssues(apps),
    ...trees.flatMap((tree) => tree.issues),
    ...clashIssues(candidates),
  ];
  if (candidates.length === 0 && issues.length === 0) {
    const others = new Set(trees.flatMap((tree) => tree.otherVersions));
    issues.push(nothingFoundIssue(app, targetFolder, [...others], options.packInto !== undefined));
  }
  return {
    tauriFolder,
    configFile: app.config.file,
    version: app.version,
    productName: app.productName,
    slug: slugOfEndpoints(app.config.endpoints),
    pubkey: app.config.pubkey,
    v1Compatible: [...apps.values()].some(({ config }) => config.updaterArtifacts === 'v1Compatible'),
    candidates,
    leftOut: trees.flatMap((tree) => tree.leftOut),
    issues,
  };
}

/** What became of a bundle folder. */
interface Judged {
  readonly candidates: readonly Candidate[];
  readonly leftOut: readonly LeftOut[];
  readonly issues: readonly Issue[];
  /** Of this app, but not the one looked for. */
  readonly otherVersions: readonly string[];
}

function passedOver(file: string, reason: string, usual: boolean): Judged {
  return { candidates: [], leftOut: [{ file, reason, usual }], issues: [], otherVersions: [] };
}

async function judgeTree(
  { bundles, unpackedApps, orphans }: BundleTree,
  appFor: (target: Target) => Promise<TauriApp>,
): Promise<Judged> {
  const candidates: Candidate[] = [];
  const leftOut: LeftOut[] = orphans.map((file) => ({ file, reason: 'its file is gone', usual: false }));
  const issues: Issue[] = [];
  const unsigned: FoundBundle[] = [];
  const signed: FoundBundle[] = [];
  const otherVersions: string[] = [];
  for (const found of [...bundles, ...unpackedApps]) {
    const { version, product } = found.name;
    const app = await appFor(targetOfBundle(found.name.bundle));
    const verdict = await classifyBundle(found, app);
    if ('unsigned' in verdict) {
      unsigned.push(found);
    } else if ('leftOut' in verdict) {
      leftOut.push(verdict.leftOut);
      if (found.signed && version && version !== app.version && product === app.productName)
        otherVersions.push(version);
    } else {
      signed.push(found);
      if ('issue' in verdict) issues.push(verdict.issue);
      else candidates.push(...verdict.candidates);
    }
  }
  for (const target of new Set(unsigned.map(({ name }) => targetOfBundle(name.bundle)))) {
    const { config } = await appFor(target);
    const verdict = classifyUnsigned(
      unsigned.filter(({ name }) => targetOfBundle(name.bundle) === target),
      signed,
      config,
    );
    leftOut.push(...verdict.leftOut);
    issues.push(...verdict.issues);
  }
  const dmg = await currentDmg(bundles, appFor);
  const hasApp = [...bundles, ...unpackedApps].some(({ name }) => name.bundle === 'app');
  if (dmg !== undefined && !hasApp) issues.push(onlyDmgIssue(dmg.file, (await appFor('darwin')).config));
  return { candidates, leftOut, issues, otherVersions };
}

/** A disk image of the version that is looked for. */
async function currentDmg(
  bundles: readonly FoundBundle[],
  appFor: (target: Target) => Promise<TauriApp>,
): Promise<FoundBundle | undefined> {
  const dmgs = bundles.filter(({ name }) => name.bundle === 'dmg');
  if (dmgs.length === 0) return undefined;
  const { productName, version } = await appFor('darwin');
  return dmgs.find(({ name }) => name.product === productName && name.version === version);
}

/** A release has one version, whatever the overlays say. */
function versionIssues(apps: ReadonlyMap<Target, TauriApp>): Issue[] {
  const versions = [...apps].map(([target, { version }]) => `${version} for ${target}`);
  if (new Set([...apps.values()].map(({ version }) => version)).size < 2) return [];
  const message = `the configuration has different versions: ${versions.sort().join(', ')}`;
  return [
    { id: 'project.versions_differ', code: 'usage', message, hint: 'Say which is meant with --version.' },
  ];
}
