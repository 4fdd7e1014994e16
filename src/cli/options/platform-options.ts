import {
  ARCHS,
  BUNDLE_TYPES_OF,
  type BundleType,
  DOCUMENTED_ARCHS,
  type Platform,
  parsePlatform,
  platformName,
  TARGETS,
} from '../../protocol/platform.ts';
import type { ArtifactInput } from '../../publish/inspect/local-artifact.ts';
import { CONFIG_FILE } from './config-file.ts';
import type { OptionErrors } from './option-errors.ts';

/** A universal macOS bundle runs on both archs, and becomes an artifact for each. */
const UNIVERSAL = /^darwin-universal(?<bundle>-app)?$/;

/** How a platform is written, for messages. */
const PLATFORM_WORDS =
  `${TARGETS.join(', ')} with ${ARCHS.join(', ')}, or darwin-universal; ` +
  'for one kind of bundle like linux-x86_64-deb';

/**
 * Reads every `--artifact TARGET-ARCH[-BUNDLE]=FILE`.
 * @param source where they stand, for messages
 */
export function readArtifacts(
  values: readonly string[],
  problems: OptionErrors,
  source = '--artifact',
): ArtifactInput[] {
  const inputs = values.flatMap((value) => readArtifact(value, source, problems));
  for (const name of repeated(inputs.map(platformName))) {
    problems.add(`${source} names ${name} more than once: give one file for each platform`);
  }
  return inputs;
}

/**
 * `--expect`: names of platforms, separated by commas. Undefined when none is given.
 * @param configured what the config file has for where the flag is absent
 */
export function readExpected(
  list: string | undefined,
  problems: OptionErrors,
  configured?: readonly string[],
): string[] | undefined {
  const source = list === undefined ? `expect in ${CONFIG_FILE}` : '--expect';
  const words = list === undefined ? configured : list.split(/[\s,]+/).filter((word) => word !== '');
  if (words === undefined) return undefined;
  const names = words
    .flatMap((word) => platformsOf(word, `${source} ${word}`, problems) ?? [])
    .map(platformName);
  if (words.length === 0)
    problems.add(`${source} names no platform: list them like darwin-aarch64,linux-x86_64`);
  for (const name of repeated(names)) problems.add(`${source} names ${name} more than once`);
  return names;
}

/**
 * The platforms a word stands for: one, or both of a universal macOS bundle. Undefined when it stands for none.
 * @param given how it was given, for the message
 */
export function platformsOf(word: string, given: string, problems: OptionErrors): Platform[] | undefined {
  const universal = UNIVERSAL.exec(word);
  if (universal !== null) {
    const bundleType = universal.groups?.bundle === undefined ? {} : { bundleType: 'app' as const };
    return DOCUMENTED_ARCHS.map((arch) => ({ target: 'darwin', arch, ...bundleType }));
  }
  const platform = parsePlatform(word);
  if (platform !== undefined) return [platform];
  problems.add(`${given} names no platform: use ${PLATFORM_WORDS}`);
  return undefined;
}

/** `--target`, `--arch` and `--bundle-type`. */
export function readPlatform(
  options: { target?: string; arch?: string; bundleType?: string },
  problems: OptionErrors,
): Platform | undefined {
  const { target = '', arch = '', bundleType } = options;
  const known = parsePlatform(`${target}-${arch}`);
  if (known === undefined) {
    if (!(TARGETS as readonly string[]).includes(target)) {
      problems.add(`--target ${target || 'is missing: it'} must be one of ${TARGETS.join(', ')}`);
    }
    if (!(ARCHS as readonly string[]).includes(arch)) {
      problems.add(`--arch ${arch || 'is missing: it'} must be one of ${ARCHS.join(', ')}`);
    }
  }
  if (known === undefined || bundleType === undefined) return known;
  const platform = parsePlatform(`${target}-${arch}-${bundleType}`);
  if (platform === undefined) {
    const possible: readonly BundleType[] = BUNDLE_TYPES_OF[known.target];
    problems.add(`--bundle-type ${bundleType} must be one of ${possible.join(', ')} for ${target}`);
  }
  return platform;
}

function readArtifact(value: string, source: string, problems: OptionErrors): ArtifactInput[] {
  const equals = value.indexOf('=');
  const [word, file] = [value.slice(0, equals), value.slice(equals + 1)];
  if (equals < 1 || file === '') {
    problems.add(`${source} ${value} is not TARGET-ARCH=FILE: write it like darwin-aarch64=App.app.tar.gz`);
    return [];
  }
  return (platformsOf(word, `${source} ${value}`, problems) ?? []).map((platform) => ({ ...platform, file }));
}

function repeated(names: readonly string[]): Set<string> {
  return new Set(names.filter((name, index) => names.indexOf(name) !== index));
}
