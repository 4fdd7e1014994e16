import type { Issue, IssueId } from '../../issue.ts';
import type { BundleType } from '../../protocol/platform.ts';
import type { TauriArch } from '../project/arch-words.ts';
import { msiVersions, type TauriApp } from '../project/tauri-app.ts';
import { type BundleContent, readBundleContent } from './bundle-content.ts';
import { folderOfBundle, targetOfBundle } from './bundle-name.ts';
import type { FoundBundle } from './bundle-tree.ts';
import type { Candidate, LeftOut } from './choose-bundles.ts';

/** What becomes of a bundle that was found. */
export type Verdict =
  | { readonly candidates: readonly Candidate[] }
  | { readonly leftOut: LeftOut }
  | { readonly issue: Issue }
  /** It is this version's, but nobody signed it. */
  | { readonly unsigned: true };

/** Who says which archs a bundle is for. */
interface Lease {
  readonly by: string;
  readonly archs: readonly TauriArch[];
}

/** Decides about a bundle by its name, its path and its bytes, which have to agree. */
export async function classifyBundle(found: FoundBundle, app: TauriApp): Promise<Verdict> {
  const { file, name } = found;
  const byName = judgeName(found, app);
  if (byName !== undefined) return byName;
  if (!found.signed) return { unsigned: true };
  const content = await readBundleContent(file, name);
  if ('unlike' in content) return disagreement(file, 'bundle.wrong_content', `it ${content.unlike}`);
  const byContent = judgeContent(found, app, content);
  if (byContent !== undefined) return byContent;
  const claims: Lease[] = [];
  if (name.arch) claims.push({ by: 'its name', archs: [name.arch] });
  if (found.in.triple?.means)
    claims.push({ by: `the folder ${found.in.triple.name}`, archs: found.in.triple.means.archs });
  if (content.archs) claims.push({ by: sourceOf(found), archs: content.archs });
  if (new Set(claims.map((claim) => spell(claim.archs))).size > 1) {
    const how = claims.map((claim) => `${claim.by} says ${spell(claim.archs)}`).join(', ');
    return disagreement(file, 'bundle.wrong_arch', how);
  }
  const bundleType = name.bundle as BundleType;
  const target = targetOfBundle(bundleType);
  const archs = claims[0]?.archs ?? [];
  return { candidates: archs.map((arch) => ({ target, arch, bundleType, file })) };
}

/** What its name and folder already decide. */
function judgeName(found: FoundBundle, app: TauriApp): Verdict | undefined {
  const { file, name, kindFolder, in: folder } = found;
  if (name.product !== app.productName) {
    return leftOut(file, `it is of ${name.product}, not of ${app.productName}`, false);
  }
  const versions = name.bundle === 'msi' ? msiVersions(app) : [app.version];
  if (name.version !== undefined && !versions.includes(name.version)) {
    return leftOut(file, `it is of ${name.version}, not of ${app.version}`, true);
  }
  if (name.bundle === 'dmg')
    return leftOut(file, 'a .dmg is for a first installation, not for updates', true);
  if (name.archWord !== undefined && name.arch === undefined) {
    return leftOut(file, `no updater asks for the arch ${name.archWord}`, false);
  }
  if (kindFolder !== folderOfBundle(name.bundle)) {
    return disagreement(file, 'bundle.wrong_folder', `the folder ${kindFolder} is for other files`);
  }
  const target = targetOfBundle(name.bundle);
  if (folder.triple?.means && folder.triple.means.target !== target) {
    return disagreement(
      file,
      'bundle.wrong_target',
      `the folder ${folder.triple.name} says ${folder.triple.means.target}, its name ${target}`,
    );
  }
  return undefined;
}

/** What the bytes say of version and product. A version of tauri-bundler's own making may differ past X.Y.Z. */
function judgeContent(
  found: FoundBundle,
  { productName, version }: TauriApp,
  content: BundleContent,
): Verdict | undefined {
  const { file, name } = found;
  if (content.version !== undefined && coreOf(content.version) !== coreOf(version)) {
    return name.version === undefined
      ? leftOut(file, `its Info.plist says ${content.version}, not ${version}`, false)
      : disagreement(
          file,
          'bundle.wrong_version',
          `its name says ${name.version}, ${sourceOf(found)} says ${content.version}`,
        );
  }
  if (content.packageName !== undefined && foldName(content.packageName) !== foldName(productName)) {
    return disagreement(
      file,
      'bundle.wrong_product',
      `its name says ${name.product}, ${sourceOf(found)} says ${content.packageName}`,
    );
  }
  return undefined;
}

/** Where the bytes of a bundle say it. */
function sourceOf({ name }: FoundBundle): string {
  return name.bundle === 'deb' ? 'its control data' : 'its header';
}

function leftOut(file: string, reason: string, usual: boolean): Verdict {
  return { leftOut: { file, reason, usual } };
}

function disagreement(file: string, id: IssueId, how: string): Verdict {
  const hint = 'Build it again or remove it; if you know what it is, name it with --artifact.';
  const message = `${file} is not what it seems: ${how}`;
  return { issue: { id, code: 'preflight_refused', message, hint } };
}

/** Both archs of a universal app are one word to people. */
function spell(archs: readonly TauriArch[]): string {
  return [...archs].sort().join(' and ');
}

/**
 * X.Y.Z without what follows: Apple takes numbers only, and a package repacked by hand may write `1.2.0~beta.1`, have
 * an epoch before it, or a revision behind.
 */
function coreOf(version: string): string {
  return /^(?:\d+:)?(\d+(?:\.\d+){0,2})/.exec(version)?.[1] ?? version;
}

/** Letters and digits, accents and case aside: tauri-bundler writes `Note Taker` as `note-taker`. */
function foldName(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .toUpperCase();
}
