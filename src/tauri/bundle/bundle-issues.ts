import { basename } from 'node:path';
import type { Issue } from '../../issue.ts';
import type { TauriApp } from '../project/tauri-app.ts';
import type { TauriConfig } from '../project/tauri-config.ts';
import { parseBundleName, targetOfBundle } from './bundle-name.ts';
import type { FoundBundle } from './bundle-tree.ts';
import type { Candidate, LeftOut } from './choose-bundles.ts';

/**
 * What becomes of the bundles of one build that have no signature: beside a signed one for the same platform they are
 * left out, otherwise the platform would be missing and nobody would notice.
 */
export function classifyUnsigned(
  unsigned: readonly FoundBundle[],
  signed: readonly FoundBundle[],
  config: TauriConfig,
): { readonly leftOut: readonly LeftOut[]; readonly issues: readonly Issue[] } {
  const served = new Set(signed.map(placeOf));
  const beside = unsigned.filter((found) => served.has(placeOf(found)));
  const alone = unsigned.filter((found) => !served.has(placeOf(found)));
  return {
    // For Tauri 1's updater the archives alone are signed.
    leftOut: beside.map(({ file }) => ({
      file,
      reason: 'it has no .sig',
      usual: config.updaterArtifacts === 'v1Compatible',
    })),
    issues: alone.length === 0 ? [] : [unsignedIssue(alone, config)],
  };
}

/** Two files for the same place, as when a build with `--target` lies beside one without: nobody can tell which. */
export function clashIssues(candidates: readonly Candidate[]): Issue[] {
  const byPlace = new Map<string, string[]>();
  for (const { target, arch, bundleType, file } of candidates) {
    const name = parseBundleName(basename(file));
    const place = [`${target}-${arch}`, bundleType, name?.archive ? 'archive' : 'file', name?.language].join(
      ' ',
    );
    byPlace.set(place, [...(byPlace.get(place) ?? []), file]);
  }
  const clashes = [...byPlace].filter(([, files]) => files.length > 1);
  return clashes.map(([place, files]) => ({
    id: 'bundle.ambiguous',
    code: 'preflight_refused',
    message: `${place.split(' ')[0]} has ${files.length} files of the same kind: ${files.join(', ')}`,
    hint: 'Remove those that are not meant, or name the right one with --artifact.',
  }));
}

/** A Mac was built for, but only a disk image is there. */
export function onlyDmgIssue(file: string, config: TauriConfig): Issue {
  const message = `${file} is for a first installation, and there is no .app.tar.gz to update with`;
  return {
    id: 'bundle.only_dmg',
    code: 'usage',
    message,
    hint: `Put "app" into bundle.targets. ${remedyFor(config)}`,
  };
}

/**
 * @param otherVersions those that bundles were found of
 * @param unsigned whether bundles without a signature would have done
 */
export function nothingFoundIssue(
  { productName, version }: TauriApp,
  targetFolder: string,
  otherVersions: readonly string[],
  unsigned = false,
): Issue {
  const bundle = unsigned ? 'bundle' : 'signed bundle';
  const message = `no ${bundle} of ${productName} ${version} was found in ${targetFolder}`;
  const instead = unsigned ? '' : ', or say which is meant with --version';
  const hint =
    otherVersions.length > 0
      ? `Those there are of ${otherVersions.join(', ')}: build ${version}${instead}.`
      : 'Run `tauri build` first; where it builds into another folder, set CARGO_TARGET_DIR as it was set then.';
  return { id: 'bundle.not_found', code: 'usage', message, hint };
}

function unsignedIssue(unsigned: readonly FoundBundle[], config: TauriConfig): Issue {
  const files = unsigned.map(({ file }) => file).join(', ');
  const why = config.updaterArtifacts
    ? `although bundle.createUpdaterArtifacts is on in ${config.file}`
    : `because bundle.createUpdaterArtifacts is off in ${config.file}`;
  return {
    id: 'bundle.unsigned',
    code: 'usage',
    message: `there is no .sig for ${files}, ${why}`,
    hint: remedyFor(config),
  };
}

function remedyFor({ updaterArtifacts }: TauriConfig): string {
  return updaterArtifacts
    ? 'Build again with TAURI_SIGNING_PRIVATE_KEY set.'
    : 'Set bundle.createUpdaterArtifacts to true, and build again with TAURI_SIGNING_PRIVATE_KEY set.';
}

/** The platform as far as a name tells. */
function placeOf({ name }: FoundBundle): string {
  return `${targetOfBundle(name.bundle)}-${name.arch ?? ''}`;
}
