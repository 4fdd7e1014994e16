import type { Issue } from '../../issue.ts';
import { compareVersions, isVersion } from '../../protocol/version.ts';
import { msiVersions, type TauriApp } from '../project/tauri-app.ts';
import type { FoundBundle } from './bundle-tree.ts';
import { coreOf } from './statement.ts';

/** Whether a bundle has a higher version than the app, as after a build with a version that no file says. */
export function hasHigherVersion({ name }: FoundBundle, app: TauriApp): boolean {
  const { kind, version } = name;
  if (version === undefined) return false;
  if (kind === 'msi') return msiVersions(app).every((own) => compareNumbers(version, own) > 0);
  return isVersion(version) && compareVersions(version, app.version) > 0;
}

/** The same by X.Y.Z alone, which is all that an `Info.plist` has. */
export function isHigherCore(version: string, than: string): boolean {
  const [a, b] = [coreOf(version), coreOf(than)];
  return isVersion(a) && isVersion(b) && compareVersions(a, b) > 0;
}

/** A signed bundle of a higher version lies beside those that would be published, which may be the stale ones. */
export function higherVersionIssue(files: readonly string[], { version, config }: TauriApp): Issue {
  return {
    id: 'bundle.higher_version',
    code: 'preflight_refused',
    message: `${config.version?.source ?? config.file} says ${version}, but there are signed bundles of a higher version: ${files.join(', ')}`,
    hint: 'Choose the version with --version, or remove the files that are stale.',
  };
}

/** Versions of up to four numbers, as WiX has them. */
function compareNumbers(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  const i = left.findIndex((number, place) => number !== right[place]);
  return i < 0 ? 0 : (left[i] ?? 0) - (right[i] ?? 0);
}

function numbersOf(version: string): number[] {
  const numbers = version.match(/\d+/g)?.map(Number) ?? [];
  return [...numbers, 0, 0, 0, 0].slice(0, 4);
}
