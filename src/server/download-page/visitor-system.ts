import type { IncomingHttpHeaders } from 'node:http';
import {
  type Arch,
  type BundleType,
  compareByPreference,
  type Platform,
  type Target,
} from '../../protocol/platform.ts';

/** The computer that a page is opened on, as far as its browser says it. */
export interface VisitorSystem {
  readonly target: Target;
  /** Undefined where the browser does not say it, as on every Mac. */
  readonly arch: Arch | undefined;
  /** What the system installs by itself, where it is known. */
  readonly bundleType: BundleType | undefined;
}

/** The headers that decide, for `Vary`; the first ones of them have to be asked for. */
export const CLIENT_HINTS = ['Sec-CH-UA-Arch', 'Sec-CH-UA-Bitness'] as const;
export const VARIES_BY = ['User-Agent', 'Sec-CH-UA-Platform', ...CLIENT_HINTS].join(', ');

/** Longest header that is read: browsers send some 150 characters. */
const MAX_LENGTH = 1000;

/** What `Sec-CH-UA-Platform` says; others have no file here. */
const TARGET_OF: Readonly<Record<string, Target>> = { Windows: 'windows', macOS: 'darwin', Linux: 'linux' };

/** Other archs of which a computer runs programs, the best first. */
const ALSO_RUNS: Readonly<Record<Target, Partial<Record<Arch, readonly Arch[]>>>> = {
  darwin: { aarch64: ['x86_64'] },
  windows: { aarch64: ['x86_64', 'i686'], x86_64: ['i686'] },
  linux: { x86_64: ['i686'] },
};

/** Where the arch is not known: what most of these computers have. */
const USUAL_ARCH: Readonly<Record<Target, Arch>> = { darwin: 'aarch64', windows: 'x86_64', linux: 'x86_64' };

/** Reads the client hints, or the user agent of a browser that sends none. @returns undefined for phones and the unknown */
export function visitorSystem(headers: IncomingHttpHeaders): VisitorSystem | undefined {
  const agent = String(headers['user-agent'] ?? '').slice(0, MAX_LENGTH);
  const platform = unquoted(headers['sec-ch-ua-platform']);
  const target = platform === undefined ? targetIn(agent) : TARGET_OF[platform];
  if (target === undefined) return undefined;
  const arch = hintedArch(headers) ?? (target === 'darwin' ? undefined : archIn(agent));
  return { target, arch, bundleType: target === 'linux' ? packageIn(agent) : undefined };
}

/** The file to offer first, and whether it surely runs there. */
export interface PickedFile<File> {
  readonly file: File;
  readonly isSure: boolean;
}

/** @param files of which each is the latest of its platform */
export function pickFile<File extends Platform>(
  files: readonly File[],
  system: VisitorSystem | undefined,
): PickedFile<File> | undefined {
  if (system === undefined) return undefined;
  const { target, arch, bundleType } = system;
  const own = arch ?? USUAL_ARCH[target];
  const archs = [own, ...(ALSO_RUNS[target][own] ?? [])];
  for (const each of archs) {
    const there = files.filter((file) => file.target === target && file.arch === each);
    const preferred = there.find((file) => file.bundleType !== undefined && file.bundleType === bundleType);
    const file = preferred ?? there.toSorted(compareByPreference)[0];
    if (file !== undefined) return { file, isSure: arch !== undefined };
  }
  return undefined;
}

/** Phones and tablets name a desktop system too. */
function targetIn(agent: string): Target | undefined {
  if (/Android|iPhone|iPad|CrOS|Mobile/.test(agent)) return undefined;
  if (/Windows NT/.test(agent)) return 'windows';
  if (/Macintosh/.test(agent)) return 'darwin';
  return /Linux/.test(agent) ? 'linux' : undefined;
}

function archIn(agent: string): Arch | undefined {
  if (/\b(?:aarch64|arm64)\b/i.test(agent)) return 'aarch64';
  if (/\barmv[78]l?\b/i.test(agent)) return 'armv7';
  if (/\briscv64\b/i.test(agent)) return 'riscv64';
  if (/\b(?:x86_64|Win64|x64|WOW64|amd64)\b/i.test(agent)) return 'x86_64';
  return /\bi[3-6]86\b/i.test(agent) ? 'i686' : undefined;
}

function hintedArch(headers: IncomingHttpHeaders): Arch | undefined {
  const is64 = unquoted(headers['sec-ch-ua-bitness']) !== '32';
  const arch = unquoted(headers['sec-ch-ua-arch']);
  if (arch === 'arm') return is64 ? 'aarch64' : 'armv7';
  if (arch === 'x86') return is64 ? 'x86_64' : 'i686';
  return undefined;
}

/** Firefox names its distribution. */
function packageIn(agent: string): BundleType | undefined {
  if (/\b(?:Ubuntu|Debian)\b/.test(agent)) return 'deb';
  return /\b(?:Fedora|SUSE|Red Hat)\b/.test(agent) ? 'rpm' : undefined;
}

/** The text of a header that is a quoted string (RFC 8941). */
function unquoted(header: string | string[] | undefined): string | undefined {
  return /^"([A-Za-z0-9 ]{1,40})"$/.exec(String(header ?? ''))?.[1];
}
