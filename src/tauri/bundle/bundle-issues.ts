import { basename } from 'node:path';
import type { Issue } from '../../issue.ts';
import { parseBundleName } from '../../protocol/bundle/bundle-name.ts';
import type { TauriApp } from '../project/tauri-app.ts';
import type { TauriConfig } from '../project/tauri-config.ts';
import type { FoundBundle } from './bundle-tree.ts';
import type { Candidate } from './choose-bundles.ts';

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
  /** What was searched. */
  readonly where: string;
  /** Other versions of the app that were found. */
  readonly otherVersions: readonly string[];
  /** Signed files that were found, of any product and version. */
  readonly otherSigned: readonly string[];
  /** Whether it is a folder of downloaded files. */
  readonly isDownload: boolean;
  /** Whether there are debug builds only. */
  readonly onlyDebug: boolean;
  /** Whether bundles had to be signed. */
  readonly signed: boolean;
}

/** How many files a message names. */
const MAX_NAMED = 12;

export function notFoundIssue(options: NotFoundOptions): Issue {
  const { app, where, otherSigned, signed } = options;
  const bundle = signed ? 'signed bundle' : 'bundle';
  const named = otherSigned.slice(0, MAX_NAMED).map((file) => basename(file));
  const more = otherSigned.length > MAX_NAMED ? ` and ${otherSigned.length - MAX_NAMED} more` : '';
  const instead = signed && named.length > 0 ? `; those there are: ${named.join(', ')}${more}` : '';
  return {
    id: 'bundle.not_found',
    code: 'usage',
    message: `no ${bundle} of ${app.productName} ${app.version} found in ${where}${instead}`,
    hint: notFoundHint(options),
  };
}

function notFoundHint(options: NotFoundOptions): string {
  const { app, otherVersions, otherSigned, onlyDebug, signed } = options;
  if (otherVersions.length > 0) {
    const alternative = signed ? ', or choose one with --version' : '';
    return `Found ${otherVersions.join(', ')} instead: build ${app.version}${alternative}.`;
  }
  if (signed && otherSigned.length > 0) {
    return (
      `Name and version are from ${app.config.file}: pass the --config of the build if it had one, ` +
      'choose the project with --project, or list the files with --artifact.'
    );
  }
  if (onlyDebug) return 'There are debug builds only, which are never published: build without --debug.';
  if (options.isDownload) return 'Download the files of the jobs that built them into it first.';
  return 'Run `tauri build` first. If it builds into another folder, set CARGO_TARGET_DIR as for the build.';
}

export function unsignedIssue(unsigned: readonly FoundBundle[], config: TauriConfig): Issue {
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

export function unsignedKindIssue(unsigned: readonly FoundBundle[], config: TauriConfig): Issue {
  const files = unsigned.map(({ file }) => file).join(', ');
  const [{ file } = { file: '' }] = unsigned;
  return {
    id: 'bundle.unsigned_kind',
    code: 'preflight_refused',
    message:
      `there is no .sig for ${files}, but another kind of bundle for the same platform is signed: ` +
      'apps installed from it would be offered that kind, which they cannot install',
    hint: `Sign it with \`tauri signer sign\`, remove it, or pass --allow-unsigned-kind. ${remedyFor(config)}`,
    ...(unsigned.length === 1 && { file }),
  };
}

function remedyFor({ updaterArtifacts }: TauriConfig): string {
  return updaterArtifacts
    ? 'Build again with TAURI_SIGNING_PRIVATE_KEY set.'
    : 'Set bundle.createUpdaterArtifacts to true in the configuration that it is built with, and build again with TAURI_SIGNING_PRIVATE_KEY set.';
}
