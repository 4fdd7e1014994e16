import { basename } from 'node:path';
import type { Issue } from '../../issue.ts';
import type { TauriApp } from '../project/tauri-app.ts';
import type { TauriConfig } from '../project/tauri-config.ts';
import { parseBundleName, targetOfBundle } from './bundle-name.ts';
import type { FoundBundle } from './bundle-tree.ts';
import type { Candidate, LeftOut } from './choose-bundles.ts';

/**
 * Decides about the bundles of one build that have no signature. Beside a signed one for the same platform they are
 * left out; otherwise they are an issue, as the platform would silently be missing from the release.
 */
export function classifyUnsigned(
  unsigned: readonly FoundBundle[],
  signed: readonly FoundBundle[],
  config: TauriConfig,
): { readonly leftOut: readonly LeftOut[]; readonly issues: readonly Issue[] } {
  const covered = new Set(signed.map(platformIn));
  const beside = unsigned.filter((found) => covered.has(platformIn(found)));
  const alone = unsigned.filter((found) => !covered.has(platformIn(found)));
  return {
    leftOut: beside.map(({ file }) => ({
      file,
      reason: 'it has no .sig',
      usual: config.updaterArtifacts === 'v1Compatible', // for Tauri 1's updater only the archives are signed
    })),
    issues: alone.length === 0 ? [] : [unsignedIssue(alone, config)],
  };
}

/** Two files for the same place, such as from a build with `--target` and one without. */
export function ambiguousIssues(candidates: readonly Candidate[]): Issue[] {
  const byPlace = new Map<string, string[]>();
  for (const { target, arch, bundleType, file } of candidates) {
    const name = parseBundleName(basename(file));
    const kind = name?.archive ? 'archive' : 'file';
    const place = [`${target}-${arch}`, bundleType, kind, name?.language].join(' ');
    byPlace.set(place, [...(byPlace.get(place) ?? []), file]);
  }
  const ambiguous = [...byPlace].filter(([, files]) => files.length > 1);
  return ambiguous.map(([place, files]) => ({
    id: 'bundle.ambiguous',
    code: 'preflight_refused',
    message: `${place.split(' ')[0]} has ${files.length} files of the same kind: ${files.join(', ')}`,
    hint: 'Remove the wrong ones, or pass the right one with --artifact.',
  }));
}

/** A build for macOS left a disk image, and nothing to update with. */
export function onlyDmgIssue(file: string, config: TauriConfig): Issue {
  return {
    id: 'bundle.only_dmg',
    code: 'usage',
    message: `${file} is for first installations, and there is no .app.tar.gz to update with`,
    hint: `Add "app" to bundle.targets. ${remedyFor(config)} If the build has --bundles, add app there too.`,
  };
}

export interface NotFoundOptions {
  readonly app: TauriApp;
  readonly targetFolder: string;
  /** Other versions of the app that were found. */
  readonly otherVersions: readonly string[];
  /** Whether bundles had to be signed. */
  readonly signed: boolean;
}

export function notFoundIssue({ app, targetFolder, otherVersions, signed }: NotFoundOptions): Issue {
  const { productName, version } = app;
  const bundle = signed ? 'signed bundle' : 'bundle';
  const alternative = signed ? ', or choose one with --version' : '';
  const hint =
    otherVersions.length > 0
      ? `Found ${otherVersions.join(', ')} instead: build ${version}${alternative}.`
      : 'Run `tauri build` first. If it builds into another folder, set CARGO_TARGET_DIR as for the build.';
  return {
    id: 'bundle.not_found',
    code: 'usage',
    message: `no ${bundle} of ${productName} ${version} found in ${targetFolder}`,
    hint,
  };
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

/** The platform as far as it is in the name. */
function platformIn({ name }: FoundBundle): string {
  return `${targetOfBundle(name.kind)}-${name.arch ?? ''}`;
}
