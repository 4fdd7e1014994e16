import { basename } from 'node:path';
import type { Issue } from '../../issue.ts';
import { parseBundleName, targetOfBundle } from '../../protocol/bundle/bundle-name.ts';
import { explainRenamed, leaveOutUnknown } from '../file/unknown-file.ts';
import type { BundleFolder } from '../project/cargo-target.ts';
import type { TauriApp, TauriApps } from '../project/tauri-app.ts';
import { onlyDmgIssue } from './bundle-issues.ts';
import { type BundleTree, type FoundBundle, readBundleTree, readFlatFolder } from './bundle-tree.ts';
import type { Candidate, LeftOut } from './choose-bundles.ts';
import { type ClassifyResult, classifyBundle } from './classify-bundle.ts';
import { classifyUnsigned, type UnsignedRules } from './classify-unsigned.ts';
import { higherVersionIssue } from './higher-version.ts';
import { prepareUnsigned } from './pack-unsigned-apps.ts';
import { isSameName } from './package-name.ts';

/** What to publish of a build. */
export interface ClassifiedBuild {
  readonly candidates: readonly Candidate[];
  readonly leftOut: readonly LeftOut[];
  readonly issues: readonly Issue[];
  /** The versions of signed bundles of this app that are for another version. */
  readonly otherVersions: readonly string[];
  /** Signed files that are not published, debug builds apart. */
  readonly otherSigned: readonly string[];
}

export interface ClassifyOptions extends UnsignedRules {
  /** Takes unsigned bundles too, and gets the macOS apps that were not packed. */
  readonly packInto?: string | undefined;
  /** Whether folders of any name hold bundles. */
  readonly anyFolder: boolean;
  /** Whether the version is the configuration's, and a higher one beside it so a sign of a stale build. */
  readonly versionIsConfigured: boolean;
}

interface Classified {
  readonly found: FoundBundle;
  readonly app: TauriApp;
  readonly result: ClassifyResult;
}

export async function classifyFolders(
  folders: readonly BundleFolder[],
  apps: TauriApps,
  options: ClassifyOptions,
): Promise<ClassifiedBuild> {
  const all: Classified[] = [];
  const leftOut: LeftOut[] = [];
  const otherSigned: string[] = [];
  for (const folder of folders) {
    const read = await (options.anyFolder ? readFlatFolder(folder) : readBundleTree(folder));
    const skipped = whySkipped(folder);
    if (skipped !== undefined) {
      if (read.bundles.length > 0) leftOut.push({ file: folder.folder, ...skipped });
      continue;
    }
    const tree = options.packInto === undefined ? read : await prepareUnsigned(read, options.packInto);
    all.push(...(await classifyTree(tree, apps)));
    leftOut.push(...(await leaveOutRest(tree, apps)));
    otherSigned.push(...tree.unknown);
  }
  const results = all.map(({ result }) => result);
  const candidates = results.flatMap((result) => (result.kind === 'candidates' ? result.candidates : []));
  const unsigned = await decideUnsigned(all, apps, options);
  const isSearch = options.packInto === undefined; // otherwise it is one for the last build, signed or not
  const leftOutByName = await Promise.all(all.map((one) => leftOutOf(one, isSearch)));
  return {
    candidates,
    leftOut: [...leftOut, ...leftOutByName.flat(), ...unsigned.flatMap((decided) => decided.leftOut)],
    issues: [
      ...results.flatMap((result) => (result.kind === 'issue' ? [result.issue] : [])),
      ...unsigned.flatMap(({ issues }) => issues),
      ...dmgIssues(all),
      ...(isSearch && options.versionIsConfigured && candidates.length > 0 ? higherIssues(all) : []),
    ],
    otherVersions: otherVersions(all),
    otherSigned: [...all.filter(isOtherSigned).map(({ found }) => found.file), ...otherSigned],
  };
}

function whySkipped({ profile, triple }: BundleFolder): Omit<LeftOut, 'file'> | undefined {
  if (profile === 'debug') return { reason: 'debug builds are never published', usual: true };
  if (triple === undefined || triple.parsed !== undefined) return undefined;
  return { reason: `Tauri's updater does not support ${triple.name}`, usual: false };
}

async function classifyTree(tree: BundleTree, apps: TauriApps): Promise<Classified[]> {
  const all: Classified[] = [];
  for (const read of [...tree.bundles, ...tree.unpackedApps]) {
    const app = await apps.for(targetOfBundle(read.name.kind));
    const found = withKnownProduct(read, app);
    all.push({ found, app, result: await classifyBundle(found, app) });
  }
  return all;
}

/** A name is read with the product that it is expected to have: `App-1.2.3` has a version in its own. */
function withKnownProduct(found: FoundBundle, { productName }: TauriApp): FoundBundle {
  const name = parseBundleName(basename(found.file), productName);
  return name === undefined || found.name.kind !== name.kind ? found : { ...found, name };
}

async function leaveOutRest({ orphans, unknown }: BundleTree, apps: TauriApps): Promise<LeftOut[]> {
  const found: LeftOut[] = orphans.map((file) => ({
    file,
    reason: 'the signed file is missing',
    usual: false,
  }));
  for (const file of unknown) found.push(await leaveOutUnknown(file, apps));
  return found;
}

async function leftOutOf({ found, app, result }: Classified, explain: boolean): Promise<LeftOut[]> {
  if (result.kind !== 'left_out') return [];
  const { leftOut, because } = result;
  if (because !== 'other_product' || !found.signed || !explain) return [leftOut];
  return [{ ...leftOut, reason: leftOut.reason + (await explainRenamed(found, app)) }];
}

async function decideUnsigned(all: readonly Classified[], apps: TauriApps, rules: UnsignedRules) {
  const ofKind = (...kinds: readonly ClassifyResult['kind'][]) =>
    all.filter(({ result }) => kinds.includes(result.kind)).map(({ found }) => found);
  const targetOf = ({ name }: FoundBundle) => targetOfBundle(name.kind);
  const unsigned = ofKind('unsigned');
  const signed = ofKind('candidates', 'issue');
  return Promise.all(
    [...new Set(unsigned.map(targetOf))].map(async (target) => {
      const { config } = await apps.for(target);
      const ofTarget = unsigned.filter((found) => targetOf(found) === target);
      return classifyUnsigned({ unsigned: ofTarget, signed, config }, rules);
    }),
  );
}

function dmgIssues(all: readonly Classified[]): Issue[] {
  if (all.some(({ found }) => found.name.kind === 'app')) return [];
  const dmg = all.find(
    ({ found: { name }, app }) =>
      name.kind === 'dmg' && isSameName(name.product, app.productName) && name.version === app.version,
  );
  return dmg === undefined ? [] : [onlyDmgIssue(dmg.found.file, dmg.app.config)];
}

function higherIssues(all: readonly Classified[]): Issue[] {
  const higher = all.filter(
    ({ found, result }) => found.signed && result.kind === 'left_out' && result.because === 'higher_version',
  );
  const [first] = higher;
  return first === undefined
    ? []
    : [
        higherVersionIssue(
          higher.map(({ found }) => found.file),
          first.app,
        ),
      ];
}

function otherVersions(all: readonly Classified[]): string[] {
  return all.flatMap(({ found: { signed, name }, app, result }) => {
    const isOther = isSameName(name.product, app.productName) && name.version !== app.version;
    return signed && isOther && name.version && result.kind === 'left_out' ? [name.version] : [];
  });
}

function isOtherSigned({ found, result }: Classified): boolean {
  return found.signed && result.kind === 'left_out';
}
