import { ANY_ARCH, ANY_TARGET, archCalled, targetCalled } from '../../protocol/other-names.ts';
import {
  ARCHS,
  BUNDLE_TYPES,
  DOCUMENTED_ARCHS,
  isBundleTypeOf,
  isCustomTarget,
  type Platform,
  parsePlatform,
  platformName,
  TARGETS,
} from '../../protocol/platform.ts';
import type { ArtifactInput } from '../../publish/inspect/local-artifact.ts';
import { CONFIG_FILE } from '../config/find-config-file.ts';
import { suggestPlatform } from './near-misses.ts';
import type { OptionErrors } from './option-errors.ts';
import type { PlatformOptions } from './shared-options.ts';

/** A universal macOS bundle runs on both archs, and becomes an artifact for each. */
const UNIVERSAL = /^darwin-universal(?<bundle>-app)?$/;

/**
 * A custom target that says its arch: `windows-x86_64-fixed-webview2`. After the arch come at least two words, because
 * a single one is where a bundle type is, perhaps mistyped.
 */
const SAYS_ARCH = new RegExp(`^${ANY_TARGET}-(?<arch>${ANY_ARCH})-[^-@]+-[^@]+$`);

/** Every platform name, for messages. */
const PLATFORM_NAMES =
  `${TARGETS.join(', ')} with ${ARCHS.join(', ')}, or darwin-universal; ` +
  'for one bundle type like linux-x86_64-deb';

/**
 * Reads every `--artifact TARGET-ARCH[-BUNDLE]=FILE` and `--artifact CUSTOM-TARGET@ARCH=FILE`.
 * @param source the option or the setting, for messages
 */
export function readArtifacts(
  values: readonly string[],
  errors: OptionErrors,
  source = '--artifact',
): ArtifactInput[] {
  const inputs = values.flatMap((value) => readArtifact(value, source, errors));
  for (const name of repeated(inputs.map(platformName))) {
    errors.add(`${source} names ${name} more than once: give one file for each platform`);
  }
  return inputs;
}

/**
 * Reads `--expect`: platform names, separated by commas. Undefined when none is given.
 * @param configured the config file's list, for when the option is absent
 */
export function readExpected(
  list: string | undefined,
  errors: OptionErrors,
  configured?: readonly string[],
): string[] | undefined {
  const source = list === undefined ? `expect in ${CONFIG_FILE}` : '--expect';
  const words = list === undefined ? configured : list.split(/[\s,]+/).filter((word) => word !== '');
  if (words === undefined) return undefined;
  const names = words.flatMap((word) => platformsOf(word, source, errors) ?? []).map(platformName);
  if (words.length === 0) errors.add(`${source} is empty: list platforms like darwin-aarch64,linux-x86_64`);
  for (const name of repeated(names)) errors.add(`${source} names ${name} more than once`);
  return names;
}

/**
 * The platforms of a name: one, or both of a universal macOS bundle. Undefined when there is none of that name.
 * @param source where the name is given, for the message
 */
export function platformsOf(word: string, source: string, errors: OptionErrors): Platform[] | undefined {
  const universal = UNIVERSAL.exec(word);
  if (universal !== null) {
    const bundleType = universal.groups?.bundle === undefined ? {} : { bundleType: 'app' as const };
    return DOCUMENTED_ARCHS.map((arch) => ({ target: 'darwin', arch, ...bundleType }));
  }
  const platform = parsePlatform(withArch(word));
  if (platform !== undefined) return [platform];
  errors.add(`${source}: unknown platform "${word}"; ${remedyFor(word)}`);
  return undefined;
}

function withArch(word: string): string {
  const arch = archCalled(SAYS_ARCH.exec(word)?.groups?.arch ?? '');
  return arch !== undefined && isCustomTarget(word) ? `${word}@${arch}` : word;
}

function remedyFor(word: string): string {
  const [target = '', arch] = word.toLowerCase().split('@');
  const suggestion = suggestPlatform(word);
  const known = suggestion === undefined ? `use ${PLATFORM_NAMES}` : `did you mean ${suggestion}?`;
  if (!isCustomTarget(target)) return known;
  if (arch === undefined) return `${known}; for an app that sets this target itself: ${target}@x86_64`;
  const called = archCalled(arch);
  return called ? `did you mean ${target}@${called}?` : `use one of ${ARCHS.join(', ')} after the @`;
}

/** With this API's own names, as a server understands those of other ecosystems in a check: `macos`, `arm64`. */
export function inOwnNames(options: PlatformOptions): PlatformOptions {
  const { target = '', arch = '' } = options;
  return { ...options, target: targetCalled(target) ?? target, arch: archCalled(arch) ?? arch };
}

/** Reads `--target`, `--arch` and `--bundle-type`. */
export function readPlatform(
  { target = '', arch = '', bundleType }: PlatformOptions,
  errors: OptionErrors,
): Platform | undefined {
  const name = platformName({ target, arch });
  const known = parsePlatform(name);
  if (known === undefined) {
    if (!isCustomTarget(target)) checkChoice('--target', { value: target, choices: TARGETS }, errors);
    checkChoice('--arch', { value: arch, choices: ARCHS }, errors);
  }
  if (known === undefined || bundleType === undefined) return known;
  const platform = parsePlatform(`${name}-${bundleType}`);
  if (platform === undefined) {
    const possible = BUNDLE_TYPES.filter((type) => isBundleTypeOf(known.target, type)).join(', ');
    errors.add(
      possible === ''
        ? `--bundle-type cannot be used with the custom target ${target}, which has one file for all`
        : `--bundle-type ${bundleType} must be one of ${possible} for ${target}`,
    );
  }
  return platform;
}

function readArtifact(value: string, source: string, errors: OptionErrors): ArtifactInput[] {
  const equals = value.indexOf('=');
  const [word, file] = [value.slice(0, equals), value.slice(equals + 1)];
  if (equals < 1 || file === '') {
    errors.add(`${source} ${value} is not TARGET-ARCH=FILE: write it like darwin-aarch64=App.app.tar.gz`);
    return [];
  }
  return (platformsOf(word, source, errors) ?? []).map((platform) => ({ ...platform, file }));
}

function checkChoice(
  option: string,
  { value, choices }: { readonly value: string; readonly choices: readonly string[] },
  errors: OptionErrors,
): void {
  if (choices.includes(value)) return;
  errors.add(`${option} ${value || 'is missing: it'} must be one of ${choices.join(', ')}`);
}

function repeated(names: readonly string[]): Set<string> {
  return new Set(names.filter((name, index) => names.indexOf(name) !== index));
}
