import { basename, dirname, join, resolve } from 'node:path';
import { OtaError } from '../../errors.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { readSmallFile } from '../../runtime/small-file.ts';
import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';
import { type ChangelogResult, changelogSection } from '../../tauri/changelog/changelog-section.ts';
import { findChangelogs } from '../../tauri/changelog/find-changelogs.ts';
import { readCargoManifest } from '../../tauri/project/cargo-manifest.ts';
import { tableOf, textOf } from '../../tauri/project/table.ts';
import type { Notes } from '../options/release-options.ts';

export interface NotedProject {
  readonly project: string;
  readonly tauriFolder: string;
  readonly productName: string;
  readonly slugs: { readonly value: readonly string[] };
  readonly version: string;
}

export interface ProjectNotes {
  readonly notes: Notes | undefined;
  /** Why there are none, although there is a changelog. */
  readonly warnings: readonly string[];
}

/**
 * A version's notes from the project's changelog: the nearest that has a section for it.
 * @throws OtaError `usage` when a changelog cannot be read
 */
export async function readProjectNotes(project: NotedProject): Promise<ProjectNotes> {
  const { version } = project;
  const names = await namesOf(project);
  let warning: string | undefined;
  for (const file of findChangelogs(project)) {
    const result = changelogSection(readChangelog(file), version, names);
    if (result.kind === 'found') {
      return { notes: { text: result.notes, source: `the section ${version} of ${file}` }, warnings: [] };
    }
    warning ??= warningFor(file, version, result);
  }
  return { notes: undefined, warnings: warning === undefined ? [] : [warning] };
}

function readChangelog(file: string): string {
  try {
    return readSmallFile(file);
  } catch (cause) {
    throw new OtaError('usage', `${file} cannot be read: ${messageOf(cause)}`, {
      cause,
      hint: 'Or give the release notes with --notes or --notes-file.',
    });
  }
}

/** Undefined where a file is no changelog after all: it has no versions, and only its name is like that of one. */
function warningFor(
  file: string,
  version: string,
  result: Exclude<ChangelogResult, { kind: 'found' }>,
): string | undefined {
  const remedy = `so ${version} has no release notes`;
  if (result.kind === 'empty') return `the section ${version} of ${file} is empty, ${remedy}`;
  if (result.kind === 'ambiguous') {
    const sections = result.names.slice(0, 3).join(', ');
    return `${file} has ${version} only for other packages (${sections}), ${remedy}: give them with --notes-file`;
  }
  const { nearest } = result;
  if (nearest.length > 0) {
    return `${file} has no section for ${version} (the nearest are ${nearest.join(', ')}), ${remedy}`;
  }
  return /change/i.test(basename(file)) ? `${file} has no section for any version, ${remedy}` : undefined;
}

/** What an app's sections may be called in a changelog of several packages. */
async function namesOf({ project, tauriFolder, productName, slugs }: NotedProject): Promise<string[]> {
  const manifest = await readCargoManifest(tauriFolder);
  const folders = [resolve(project), resolve(dirname(tauriFolder)), resolve(tauriFolder)];
  const names = [
    productName,
    ...slugs.value,
    manifest?.name,
    ...folders.flatMap((folder) => [basename(folder), npmName(folder)]),
  ];
  return names.filter((name): name is string => name !== undefined && name !== '');
}

function npmName(folder: string): string | undefined {
  try {
    const content: unknown = parseBoundedJson(readSmallFile(join(folder, 'package.json')));
    return textOf(tableOf(content).name)?.replace(/^@[^/]+\//, '');
  } catch {
    return undefined;
  }
}
