import type { Issue, IssueId } from '../../issue.ts';
import type { Arch } from '../../protocol/platform.ts';
import { msiVersions, type TauriApp } from '../project/tauri-app.ts';
import { type BundleContent, readBundleContent } from './bundle-content.ts';
import { folderOfBundle, targetOfBundle } from './bundle-name.ts';
import type { FoundBundle } from './bundle-tree.ts';
import type { Candidate, LeftOut } from './choose-bundles.ts';

export type ClassifyResult =
  | { readonly kind: 'candidates'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'left_out'; readonly leftOut: LeftOut }
  | { readonly kind: 'issue'; readonly issue: Issue }
  /** It would be a candidate, but has no signature. */
  | { readonly kind: 'unsigned' };

/** Decides about a bundle by its name, its path and its bytes, which have to agree. */
export async function classifyBundle(found: FoundBundle, app: TauriApp): Promise<ClassifyResult> {
  const { file, name } = found;
  const byName = checkName(found, app);
  if (byName !== undefined) return byName;
  if (name.kind === 'dmg') return leftOut(file, 'a .dmg is for first installations, not updates', true);
  const byPlace = checkPlace(found);
  if (byPlace !== undefined) return byPlace;
  if (!found.signed) return { kind: 'unsigned' };
  const content = await readBundleContent(file, name);
  if (content.kind === 'mismatch') return mislabelled(file, 'bundle.wrong_content', `it ${content.reason}`);
  const byContent = checkContent(found, app, content);
  if (byContent !== undefined) return byContent;
  const sources = archSources(found, content);
  if (new Set(sources.map(({ archs }) => spell(archs))).size > 1) {
    const how = sources.map(({ by, archs }) => `${by} says ${spell(archs)}`).join(', ');
    return mislabelled(file, 'bundle.wrong_arch', how);
  }
  const bundleType = name.kind;
  const target = targetOfBundle(bundleType);
  const archs = sources[0]?.archs ?? [];
  return { kind: 'candidates', candidates: archs.map((arch) => ({ target, arch, bundleType, file })) };
}

function checkName({ file, name }: FoundBundle, app: TauriApp): ClassifyResult | undefined {
  if (name.product !== app.productName) {
    return leftOut(file, `it is for ${name.product}, not ${app.productName}`, false);
  }
  const versions = name.kind === 'msi' ? msiVersions(app) : [app.version];
  if (name.version !== undefined && !versions.includes(name.version)) {
    return leftOut(file, `its version is ${name.version}, not ${app.version}`, true);
  }
  return undefined;
}

function checkPlace({ file, name, kindFolder, bundleFolder }: FoundBundle): ClassifyResult | undefined {
  if (name.archWord !== undefined && name.arch === undefined) {
    return leftOut(file, `Tauri's updater does not support the arch ${name.archWord}`, false);
  }
  if (kindFolder !== folderOfBundle(name.kind)) {
    return mislabelled(file, 'bundle.wrong_folder', `the folder ${kindFolder} is for other bundles`);
  }
  const target = targetOfBundle(name.kind);
  const { name: folder, parsed: triple } = bundleFolder.triple ?? {};
  if (triple === undefined || triple.target === target) return undefined;
  const how = `the folder ${folder} says ${triple.target}, its name says ${target}`;
  return mislabelled(file, 'bundle.wrong_target', how);
}

/** Of versions only X.Y.Z has to agree: package systems have formats of their own for the rest. */
function checkContent(
  found: FoundBundle,
  { productName, version }: TauriApp,
  content: BundleContent,
): ClassifyResult | undefined {
  const { file, name } = found;
  if (content.version !== undefined && coreOf(content.version) !== coreOf(version)) {
    if (name.version === undefined)
      return leftOut(file, `its Info.plist says ${content.version}, not ${version}`, false);
    const how = `its name says ${name.version}, ${sourceOf(found)} says ${content.version}`;
    return mislabelled(file, 'bundle.wrong_version', how);
  }
  if (content.packageName !== undefined && foldName(content.packageName) !== foldName(productName)) {
    const how = `its name says ${name.product}, ${sourceOf(found)} says ${content.packageName}`;
    return mislabelled(file, 'bundle.wrong_product', how);
  }
  return undefined;
}

/** Everything that says which archs a bundle is for. */
function archSources(found: FoundBundle, content: BundleContent): { by: string; archs: readonly Arch[] }[] {
  const { arch } = found.name;
  const { name: folder, parsed: triple } = found.bundleFolder.triple ?? {};
  return [
    ...(arch ? [{ by: 'its name', archs: [arch] }] : []),
    ...(triple ? [{ by: `the folder ${folder}`, archs: triple.archs }] : []),
    ...(content.archs ? [{ by: sourceOf(found), archs: content.archs }] : []),
  ];
}

/** Where in a bundle its content is described. */
function sourceOf({ name }: FoundBundle): string {
  return name.kind === 'deb' ? 'its control data' : 'its header';
}

function leftOut(file: string, reason: string, usual: boolean): ClassifyResult {
  return { kind: 'left_out', leftOut: { file, reason, usual } };
}

function mislabelled(file: string, id: IssueId, how: string): ClassifyResult {
  return {
    kind: 'issue',
    issue: {
      id,
      code: 'preflight_refused',
      message: `${file} is mislabelled: ${how}`,
      hint: 'Build it again or remove it. To publish it anyway, pass it with --artifact.',
    },
  };
}

function spell(archs: readonly Arch[]): string {
  return [...archs].sort().join(' and ');
}

/** X.Y.Z alone. An `Info.plist` allows no more, and a package may write `1:1.2.0~beta.1-1`. */
function coreOf(version: string): string {
  return /^(?:\d+:)?(\d+(?:\.\d+){0,2})/.exec(version)?.[1] ?? version;
}

/** Letters and digits only, without accents or case: tauri-bundler writes `Note Taker` as `note-taker`. */
function foldName(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .toUpperCase();
}
