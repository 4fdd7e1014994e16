import { type Arch, type Platform, platformName, systemOf, type Target } from '../platform.ts';
import { archInName } from './arch-words.ts';
import { isAr, isOle, isRpm, parseBinaryHeader } from './binary-header.ts';
import { type BundleKind, kindByEnding, parseBundleName, targetOfBundle } from './bundle-name.ts';
import { packedEntries } from './packed-head.ts';

/** What is known of a file without reading all of it. */
export interface KnownOfFile {
  /** Its first `HEAD_BYTES` bytes, or all. */
  readonly head: Buffer;
  /** The name that it was signed under; undefined where the signature names none. */
  readonly signedName: string | undefined;
}

/** What a source says for certain. */
interface Evidence {
  readonly target?: Target | undefined;
  readonly kind?: BundleKind | undefined;
  readonly archs?: readonly Arch[] | undefined;
}

/** The archs with programs that an arch runs too: as 32 bits, or by the emulation that is part of the system. */
const ALSO_RUNS: Readonly<Record<Target, Partial<Record<Arch, readonly Arch[]>>>> = {
  linux: { x86_64: ['i686'], aarch64: ['armv7'] },
  darwin: { aarch64: ['x86_64'] },
  windows: { x86_64: ['i686'], aarch64: ['x86_64', 'i686', 'armv7'] },
};

/**
 * Why a file cannot be for a platform, if that is certain: completes "the file …". A file of an unknown kind, a zip, or
 * one that the system may run all the same contradicts nothing.
 */
export function platformContradiction(platform: Platform, file: KnownOfFile): string | undefined {
  const { signedName } = file;
  const sources: readonly (readonly [string, Evidence])[] = [
    ['its first bytes say', evidenceOfHead(file.head)],
    [`it was signed as ${signedName}, which says`, evidenceOfName(signedName)],
  ];
  for (const [source, evidence] of sources) {
    const other = whatContradicts(platform, evidence);
    if (other !== undefined) return `is not for ${platformName(platform)}: ${source} ${other}`;
  }
  return undefined;
}

function whatContradicts(platform: Platform, { target, kind, archs = [] }: Evidence): string | undefined {
  const system = systemOf(platform.target);
  if (system !== undefined && target !== undefined && target !== system) return target;
  if (platform.bundleType !== undefined && kind !== undefined && kind !== platform.bundleType) return kind;
  if (system === undefined || archs.length === 0) return undefined;
  const runs = [platform.arch, ...(ALSO_RUNS[system][platform.arch] ?? [])];
  return archs.some((arch) => runs.includes(arch)) ? undefined : archs.join(' and ');
}

function evidenceOfHead(head: Buffer): Evidence {
  const header = parseBinaryHeader(head);
  switch (header?.format) {
    case 'elf':
      return { target: 'linux', kind: 'appimage', archs: header.archs };
    case 'mach-o':
      return { target: 'darwin', archs: header.archs };
    case 'pe': // of an installer, whatever it installs
      return { target: 'windows', kind: 'nsis', archs: header.archs.includes('i686') ? [] : header.archs };
    case undefined:
      return evidenceOfPackage(head);
  }
}

function evidenceOfPackage(head: Buffer): Evidence {
  if (isOle(head)) return { target: 'windows', kind: 'msi' };
  if (isRpm(head)) return { target: 'linux', kind: 'rpm' };
  if (isAr(head) && head.toString('latin1', 8, 21) === 'debian-binary')
    return { target: 'linux', kind: 'deb' };
  if (head.toString('latin1', 0, 4) === 'xar!') return { target: 'darwin' }; // a macOS package
  for (const { path, head: bytes } of packedEntries(head)) {
    if (/^[^/]+\.app\/Contents\//.test(path)) return { target: 'darwin', kind: 'app' };
    if (/^[^/]+\.AppImage$/.test(path)) return evidenceOfHead(bytes);
  }
  return {};
}

function evidenceOfName(name: string | undefined): Evidence {
  if (name === undefined) return {};
  const kind = kindByEnding(name)?.kind;
  const arch = parseBundleName(name)?.arch ?? archInName(name);
  return { kind, target: kind && targetOfBundle(kind), archs: arch && [arch] };
}
