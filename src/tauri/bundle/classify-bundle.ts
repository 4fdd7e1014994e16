import type { Issue, IssueId } from '../../issue.ts';
import { folderOfBundle, targetOfBundle } from '../../protocol/bundle/bundle-name.ts';
import { msiVersions, type TauriApp } from '../project/tauri-app.ts';
import { type BundleContent, placeOfContent, readBundleContent } from './bundle-content.ts';
import type { FoundBundle } from './bundle-tree.ts';
import type { Candidate, LeftOut } from './choose-bundles.ts';
import { hasHigherVersion, isHigherCore } from './higher-version.ts';
import { isPackageOf, isSameName } from './package-name.ts';
import {
  contradiction,
  sameArchs,
  sameCore,
  spellArchs,
  statementOfFolder,
  statementOfName,
} from './statement.ts';

export type ClassifyResult =
  | { readonly kind: 'candidates'; readonly candidates: readonly Candidate[] }
  | {
      readonly kind: 'left_out';
      readonly leftOut: LeftOut;
      readonly because?: 'other_product' | 'lower_version' | 'higher_version';
    }
  | { readonly kind: 'issue'; readonly issue: Issue }
  /** It would be a candidate, but has no signature. */
  | { readonly kind: 'unsigned' };

/** Decides about a bundle by its name, its path and its bytes, which have to agree. */
export async function classifyBundle(found: FoundBundle, app: TauriApp): Promise<ClassifyResult> {
  const { file, name } = found;
  if (name.kind === 'dmg') return leftOut(file, 'a .dmg is for first installations, not updates', true);
  const byName = checkName(found, app);
  if (byName !== undefined) return byName;
  const byPlace = checkPlace(found);
  if (byPlace !== undefined) return byPlace;
  if (!found.signed) return { kind: 'unsigned' };
  const content = await readBundleContent(file, name);
  if (content.kind === 'mismatch') return mislabelled(file, 'bundle.wrong_content', `it ${content.reason}`);
  if (content.everyArch !== undefined) {
    const reason = `it is for the arch ${content.everyArch}, which Tauri's updater does not support`;
    return mislabelled(file, 'bundle.wrong_content', reason);
  }
  const byContent = checkContent(found, app, content);
  if (byContent !== undefined) return byContent;
  const statements = [
    statementOfName(name),
    statementOfFolder(found.bundleFolder),
    { by: placeOfContent(name.kind), archs: content.archs },
  ];
  const how = contradiction(statements, { of: ({ archs }) => archs, agree: sameArchs, spell: spellArchs });
  if (how !== undefined) return mislabelled(file, 'bundle.wrong_arch', how);
  const bundleType = name.kind;
  const target = targetOfBundle(bundleType);
  const archs = statements.find((statement) => statement.archs !== undefined)?.archs ?? [];
  return { kind: 'candidates', candidates: archs.map((arch) => ({ target, arch, bundleType, file })) };
}

function checkName(found: FoundBundle, app: TauriApp): ClassifyResult | undefined {
  const { file, name } = found;
  if (!isSameName(name.product, app.productName)) {
    const reason = `it is for ${name.product}, not ${app.productName}`;
    return { ...leftOut(file, reason, false), because: 'other_product' };
  }
  const versions = name.kind === 'msi' ? msiVersions(app) : [app.version];
  if (name.version === undefined || versions.includes(name.version)) return undefined;
  const isHigher = hasHigherVersion(found, app);
  const reason = `its version is ${name.version}, not ${app.version}`;
  return {
    ...leftOut(file, reason, !(isHigher && found.signed)),
    because: isHigher ? 'higher_version' : 'lower_version',
  };
}

function checkPlace({ file, name, kindFolder, bundleFolder }: FoundBundle): ClassifyResult | undefined {
  if (name.archWord !== undefined && name.arch === undefined) {
    return leftOut(file, `Tauri's updater does not support the arch ${name.archWord}`, false);
  }
  if (kindFolder !== undefined && kindFolder !== folderOfBundle(name.kind)) {
    return mislabelled(file, 'bundle.wrong_folder', `the folder ${kindFolder} is for other bundles`);
  }
  const how = contradiction([statementOfFolder(bundleFolder), statementOfName(name)], {
    of: ({ target }) => target,
  });
  return how === undefined ? undefined : mislabelled(file, 'bundle.wrong_target', how);
}

function checkContent(
  { file, name }: FoundBundle,
  { productName, version }: TauriApp,
  content: BundleContent,
): ClassifyResult | undefined {
  const place = placeOfContent(name.kind);
  if (content.version !== undefined && !sameCore(content.version, version)) {
    if (name.version === undefined) {
      const because = isHigherCore(content.version, version) ? 'higher_version' : 'lower_version';
      return { ...leftOut(file, `its Info.plist says ${content.version}, not ${version}`, false), because };
    }
    const how = `its name says ${name.version}, ${place} says ${content.version}`;
    return mislabelled(file, 'bundle.wrong_version', how);
  }
  if (content.packageName !== undefined && !isPackageOf(content.packageName, productName)) {
    const how = `its name says ${name.product}, ${place} says ${content.packageName}`;
    return mislabelled(file, 'bundle.wrong_product', how);
  }
  return undefined;
}

function leftOut(file: string, reason: string, usual: boolean): ClassifyResult & { kind: 'left_out' } {
  return { kind: 'left_out', leftOut: { file, reason, usual } };
}

function mislabelled(file: string, id: IssueId, how: string): ClassifyResult {
  return {
    kind: 'issue',
    issue: {
      id,
      code: 'preflight_refused',
      message: `${file} is mislabelled: ${how}`,
      hint: 'Build it again or remove it. To publish it anyway, pass it with --artifact and --allow-mismatch.',
      file,
    },
  };
}
