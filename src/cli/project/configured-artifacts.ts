import { resolve } from 'node:path';
import { namesPlatform, type Platform } from '../../protocol/platform.ts';
import type { ArtifactInput } from '../../publish/inspect/local-artifact.ts';
import type { LeftOut } from '../../tauri/bundle/choose-bundles.ts';
import type { ArtifactPatterns } from '../config/config-file.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import { platformsOf, readArtifacts } from '../options/platform-options.ts';
import { matchFiles } from './match-files.ts';

/** In a pattern: the version that is published. */
const VERSION = '{version}';

export interface ConfiguredArtifacts {
  readonly artifacts: readonly ArtifactInput[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * Finds the files that the config file has patterns for. Each pattern has to match one file; among parallel jobs
 * (`--expect`) patterns without a match are left out, as long as another one matches.
 * @param version empty where it is missing, which is an error of its own
 */
export async function readConfiguredArtifacts(
  { file, folder, patterns }: ArtifactPatterns,
  { version, expect }: { readonly version: string; readonly expect?: readonly string[] | undefined },
  errors: OptionErrors,
): Promise<ConfiguredArtifacts> {
  const source = `artifacts in ${file}`;
  const found: string[] = [];
  const leftOut: LeftOut[] = [];
  const missing: string[] = [];
  for (const [word, text] of Object.entries(patterns)) {
    const platforms = platformsOf(word, source, errors);
    if (platforms === undefined || (version === '' && text.includes(VERSION))) continue;
    const pattern = text.replaceAll(VERSION, version);
    const files = await matchFiles(folder, pattern);
    const [only] = files;
    if (only === undefined) {
      leftOut.push({ file: pattern, ...notHere(word, platforms, expect) });
      missing.push(`"${pattern}" for ${word} matches no file in ${resolve(folder)}. ${remedyFor(pattern)}`);
    } else if (files.length === 1) found.push(`${word}=${only}`);
    else {
      const several = `"${pattern}" for ${word} matches ${files.length} files: ${files.join(', ')}`;
      errors.add(`${source}: ${several}. Make it match one file; ${VERSION} is replaced by the version`);
    }
  }
  if (expect === undefined || found.length === 0) {
    for (const text of missing) errors.add(`${source}: ${text}`);
  }
  return { artifacts: readArtifacts(found, errors, source), leftOut };
}

/** Why nothing matches: a job of a matrix has only its own platform's files. */
function notHere(
  word: string,
  platforms: readonly Platform[],
  expect: readonly string[] = [],
): Omit<LeftOut, 'file'> {
  const expected = platforms.some((platform) => expect.some((name) => namesPlatform(name, platform)));
  const who = expected ? 'another job' : 'no other job';
  return { reason: `it matches no file here, and ${word} is expected from ${who}`, usual: expected };
}

function remedyFor(pattern: string): string {
  if (pattern.includes('\\')) return 'Separate folders with /';
  return 'Build it first, or correct the pattern; wildcards do not follow symbolic links';
}
