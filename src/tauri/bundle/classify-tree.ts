import type { Issue } from '../../issue.ts';
import type { BundleFolder } from '../project/cargo-target.ts';
import type { TauriApp, TauriApps } from '../project/tauri-app.ts';
import { classifyUnsigned, onlyDmgIssue } from './bundle-issues.ts';
import { targetOfBundle } from './bundle-name.ts';
import { type BundleTree, type FoundBundle, readBundleTree } from './bundle-tree.ts';
import type { Candidate, LeftOut } from './choose-bundles.ts';
import { type ClassifyResult, classifyBundle } from './classify-bundle.ts';
import { prepareUnsigned } from './pack-unsigned-apps.ts';

/** What to publish of a bundle folder. */
export interface ClassifiedTree {
  readonly candidates: readonly Candidate[];
  readonly leftOut: readonly LeftOut[];
  readonly issues: readonly Issue[];
  /** The versions of signed bundles of this app that are for another version. */
  readonly otherVersions: readonly string[];
}

interface Classified {
  readonly found: FoundBundle;
  readonly app: TauriApp;
  readonly result: ClassifyResult;
}

/** @param packInto takes unsigned bundles too, and gets the macOS apps that were not packed */
export async function classifyBundleFolder(
  folder: BundleFolder,
  apps: TauriApps,
  packInto: string | undefined,
): Promise<ClassifiedTree> {
  const tree = await readBundleTree(folder);
  if (folder.profile === 'debug') return skipTree(tree, folder, 'debug builds are never published');
  if (folder.triple !== undefined && folder.triple.parsed === undefined)
    return skipTree(tree, folder, `Tauri's updater does not support ${folder.triple.name}`);
  return classifyTree(packInto === undefined ? tree : await prepareUnsigned(tree, packInto), apps);
}

function skipTree(tree: BundleTree, { folder, profile }: BundleFolder, reason: string): ClassifiedTree {
  const leftOut = tree.bundles.length > 0 ? [{ file: folder, reason, usual: profile === 'debug' }] : [];
  return { candidates: [], leftOut, issues: [], otherVersions: [] };
}

async function classifyTree(tree: BundleTree, apps: TauriApps): Promise<ClassifiedTree> {
  const all: Classified[] = [];
  for (const found of [...tree.bundles, ...tree.unpackedApps]) {
    const app = await apps.for(targetOfBundle(found.name.kind));
    all.push({ found, app, result: await classifyBundle(found, app) });
  }
  const unsigned = await decideUnsigned(all, apps);
  const orphans = tree.orphans.map((file) => ({ file, reason: 'the signed file is missing', usual: false }));
  const results = all.map(({ result }) => result);
  return {
    candidates: results.flatMap((result) => (result.kind === 'candidates' ? result.candidates : [])),
    leftOut: [
      ...orphans,
      ...results.flatMap((result) => (result.kind === 'left_out' ? [result.leftOut] : [])),
      ...unsigned.flatMap(({ leftOut }) => leftOut),
    ],
    issues: [
      ...results.flatMap((result) => (result.kind === 'issue' ? [result.issue] : [])),
      ...unsigned.flatMap(({ issues }) => issues),
      ...dmgIssues(all),
    ],
    otherVersions: otherVersions(all),
  };
}

async function decideUnsigned(all: readonly Classified[], apps: TauriApps) {
  const ofKind = (...kinds: readonly ClassifyResult['kind'][]) =>
    all.filter(({ result }) => kinds.includes(result.kind)).map(({ found }) => found);
  const targetOf = ({ name }: FoundBundle) => targetOfBundle(name.kind);
  const unsigned = ofKind('unsigned');
  const signed = ofKind('candidates', 'issue');
  return Promise.all(
    [...new Set(unsigned.map(targetOf))].map(async (target) => {
      const { config } = await apps.for(target);
      const ofTarget = unsigned.filter((found) => targetOf(found) === target);
      return classifyUnsigned(ofTarget, signed, config);
    }),
  );
}

function dmgIssues(all: readonly Classified[]): Issue[] {
  if (all.some(({ found }) => found.name.kind === 'app')) return [];
  const dmg = all.find(
    ({ found: { name }, app }) =>
      name.kind === 'dmg' && name.product === app.productName && name.version === app.version,
  );
  return dmg === undefined ? [] : [onlyDmgIssue(dmg.found.file, dmg.app.config)];
}

function otherVersions(all: readonly Classified[]): string[] {
  return all.flatMap(({ found: { signed, name }, app, result }) => {
    const isOther = name.product === app.productName && name.version !== app.version;
    return signed && isOther && name.version && result.kind === 'left_out' ? [name.version] : [];
  });
}
