import {
  ARCHS,
  DOCUMENTED_ARCHS,
  type Platform,
  parsePlatform,
  platformName,
  TARGETS,
} from '../protocol/platform.ts';
import type { ArtifactInput } from '../publish/local-artifact.ts';
import type { Problems } from './problems.ts';

const KNOWN = TARGETS.flatMap((target) => ARCHS.map((arch) => platformName({ target, arch })));

/** A universal macOS bundle runs on both, and becomes an artifact for each. */
const UNIVERSAL = 'darwin-universal';

/** Reads every `--artifact TARGET-ARCH=FILE`. */
export function readArtifacts(values: readonly string[], problems: Problems): ArtifactInput[] {
  const inputs = values.flatMap((value) => readArtifact(value, problems));
  const names = inputs.map(platformName);
  for (const name of new Set(names.filter((name, index) => names.indexOf(name) !== index))) {
    problems.add(`--artifact names ${name} more than once: give one file for each platform`);
  }
  return inputs;
}

/** `--target` and `--arch`. */
export function readPlatform(
  options: { target?: string; arch?: string },
  problems: Problems,
): Platform | undefined {
  const { target = '', arch = '' } = options;
  const platform = parsePlatform(`${target}-${arch}`);
  if (platform === undefined) {
    if (!(TARGETS as readonly string[]).includes(target)) {
      problems.add(`--target ${target || 'is missing: it'} must be one of ${TARGETS.join(', ')}`);
    }
    if (!(ARCHS as readonly string[]).includes(arch)) {
      problems.add(`--arch ${arch || 'is missing: it'} must be one of ${ARCHS.join(', ')}`);
    }
  }
  return platform;
}

function readArtifact(value: string, problems: Problems): ArtifactInput[] {
  const equals = value.indexOf('=');
  const [name, file] = [value.slice(0, equals), value.slice(equals + 1)];
  if (equals < 1 || file === '') {
    problems.add(`--artifact ${value} is not TARGET-ARCH=FILE: write it like darwin-aarch64=App.app.tar.gz`);
    return [];
  }
  if (name === UNIVERSAL) return DOCUMENTED_ARCHS.map((arch) => ({ target: 'darwin', arch, file }));
  const platform = parsePlatform(name);
  if (platform !== undefined) return [{ ...platform, file }];
  problems.add(`--artifact ${value} names no platform: use one of ${[...KNOWN, UNIVERSAL].join(', ')}`);
  return [];
}
