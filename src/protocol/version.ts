export const MAX_VERSION_LENGTH = 64;

/** The largest number that Rust's `semver`, and so Tauri's updater, reads as major, minor or patch: 2^64 - 1. */
const MAX_NUMBER = '18446744073709551615';

const NUMERIC = '(?:0|[1-9]\\d*)';
const PRERELEASE_IDENTIFIER = `(?:${NUMERIC}|\\d*[a-zA-Z-][0-9a-zA-Z-]*)`;

/** Numbers after the dash have no limit, in Rust's `semver` neither: it compares them as text. */
const REST =
  `(?:-${PRERELEASE_IDENTIFIER}(?:\\.${PRERELEASE_IDENTIFIER})*)?` +
  '(?:\\+[0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*)?$';

const patternWith = (number: string) => `^${number}\\.${number}\\.${number}${REST}`;

/** The grammar of https://semver.org/spec/v2.0.0.html: no `v`, no spaces, no leading zeros; and Rust's limit. */
export const VERSION_PATTERN = patternWith(numberUpTo(MAX_NUMBER));

export const VERSION_RULE =
  `strict semver (X.Y.Z, optionally with pre-release or build metadata), at most ${MAX_VERSION_LENGTH} characters, ` +
  `with X, Y and Z up to ${MAX_NUMBER}`;

const VERSION = new RegExp(VERSION_PATTERN);
const OF_ANY_SIZE = new RegExp(patternWith(NUMERIC));

export function isVersion(text: string): boolean {
  return text.length <= MAX_VERSION_LENGTH && VERSION.test(text);
}

/** Why a text is no version: completes "1.2 …". */
export function whyNoVersion(text: string): string {
  if (text.length > MAX_VERSION_LENGTH) return `is longer than ${MAX_VERSION_LENGTH} characters`;
  return OF_ANY_SIZE.test(text)
    ? `has a number above ${MAX_NUMBER}, which Tauri's updater cannot read`
    : 'is not strict semver (X.Y.Z)';
}

/** A pattern for the numbers from 0 to a number of several digits that starts with 1. */
function numberUpTo(max: string): string {
  const lower = [...max].flatMap((digit, at) => {
    const first = at === 0 ? 1 : 0;
    const rest = max.length - at - 1;
    return Number(digit) > first ? [`${max.slice(0, at)}[${first}-${Number(digit) - 1}]\\d{${rest}}`] : [];
  });
  return `(?:0|[1-9]\\d{0,${max.length - 2}}|${lower.join('|')}|${max})`;
}

/** Words in a tag that mean a pre-release, also where its version does not. */
const PRERELEASE_WORDS =
  /^(alpha|beta|rc|pre|prerelease|preview|nightly|canary|dev|next|snapshot|insiders?|experimental|unstable)$/i;

/** The version in `v1.2.0`, `app-v1.2.0-beta.1`, `@scope/app@1.2.0`, `refs/tags/app/v1.2.0`; undefined if uncertain. */
export function versionOfTag(tag: string): string | undefined {
  const text = tag.trim().replace(/^refs\/tags\//, '');
  if (isVersion(text)) return text;
  const found = tailsOf(text).filter(({ version }) => isVersion(version));
  const [only] = found;
  if (only === undefined || found.length > 1 || text.startsWith('refs/')) return undefined;
  return isName(only.prefix) && !hidesPrerelease(only) ? only.version : undefined;
}

/** The version that a text was probably meant to be, where nothing of it would be lost but a name in front. */
export function suggestVersion(text: string): string | undefined {
  const [, major, minor, rest = ''] = /^v?(\d+)(\.\d+)?([-+].*)?$/i.exec(text.trim()) ?? [];
  const complete = major === undefined ? undefined : `${major}${minor ?? '.0'}.0${rest}`;
  const [, prefix = '', tail = ''] = /^(\D*)(.*)$/s.exec(text.trim()) ?? [];
  const isUncertain =
    tailsOf(text).filter(({ version }) => isVersion(version)).length > 1 ||
    prefix.split(/[^a-z]+/i).some((word) => PRERELEASE_WORDS.test(word));
  return [complete, isUncertain ? undefined : tail].find(
    (version) => version !== undefined && isVersion(version),
  );
}

interface Tail {
  readonly prefix: string;
  readonly version: string;
}

function tailsOf(text: string): Tail[] {
  const ends = [0, ...[...text.matchAll(/[-_/@]/g)].map(({ index }) => index + 1)];
  return ends.map((end) => ({
    prefix: text.slice(0, end),
    version: text.slice(end).replace(/^v(?=\d)/i, ''),
  }));
}

/** `app-2.0-1.3.0` could mean either version. */
function isName(prefix: string): boolean {
  const last = prefix.split(/[-_/@]/).at(-2);
  return last === undefined || /^(?!v\d)[a-z]/i.test(last);
}

/** `beta-1.2.0` would reach everyone as 1.2.0; `beta@1.2.0` is a version of the package `beta`. */
function hidesPrerelease({ prefix, version }: Tail): boolean {
  const words = prefix.split(/[-_/@]/).slice(0, -1);
  return !prefix.endsWith('@') && !isPrerelease(version) && words.some((word) => PRERELEASE_WORDS.test(word));
}

/** The version without its build metadata (SemVer 10). Versions of equal precedence have equal text here. */
export function precedenceOf(version: string): string {
  const plus = version.indexOf('+');
  return plus < 0 ? version : version.slice(0, plus);
}

export function isPrerelease(version: string): boolean {
  return precedenceOf(version).includes('-');
}

/** The lowest version there is, which any other one updates. */
export const LOWEST_VERSION = '0.0.0-0';

/**
 * SemVer 11: negative when `a` comes before `b`, zero at equal precedence. Both must satisfy `isVersion`.
 * Identifiers are compared as text, not as numbers, so it is exact at any length (`semver` throws or rounds past 2^53).
 */
export function compareVersions(a: string, b: string): number {
  const left = split(a);
  const right = split(b);
  for (let i = 0; i < 3; i++) {
    const order = compareNumeric(left.core[i] ?? '', right.core[i] ?? '');
    if (order !== 0) return order;
  }
  return comparePrereleases(left.prerelease, right.prerelease);
}

/** As Rust's `semver` orders versions, and so Tauri's updater: build metadata counts, with its leading zeros. */
export function compareAsUpdater(a: string, b: string): number {
  return compareVersions(a, b) || compareBuilds(buildOf(a), buildOf(b));
}

function buildOf(version: string): string[] {
  return version.slice(precedenceOf(version).length + 1).split('.');
}

function compareBuilds(a: readonly string[], b: readonly string[]): number {
  for (const [i, left] of a.entries()) {
    const right = b[i];
    if (right === undefined) return 1;
    const withoutZeros = (text: string) => (/^\d*$/.test(text) ? text.replace(/^0+/, '') : text);
    const order = compareIdentifiers(withoutZeros(left), withoutZeros(right)) || compareNumeric(left, right);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** The lowest version above one: nothing comes between them (SemVer 11). */
export function nextVersion(version: string): string {
  const precedence = precedenceOf(version);
  return isPrerelease(version) ? `${precedence}.0` : `${nextRelease(precedence)}-0`;
}

/**
 * A text that sorts byte by byte as `compareVersions` sorts versions, equal at equal precedence: numbers after their
 * length, identifiers of a pre-release after their kind, and `~` where there is none, as a release comes last.
 */
export function versionOrder(version: string): string {
  const { core, prerelease } = split(version);
  const identifiers = prerelease.map((one) => (/^\d+$/.test(one) ? `0${numberOrder(one)}` : `1${one} `));
  return core.map(numberOrder).join('') + (prerelease.length === 0 ? '~' : `-${identifiers.join('')}`);
}

/** Sorts after the order of every version. */
export const AFTER_ALL_VERSIONS = '~';

function numberOrder(digits: string): string {
  return String(digits.length).padStart(2, '0') + digits;
}

/** The next version that is no pre-release: 1.2.1 after 1.2.0, 1.3.0 after 1.3.0-beta.1. */
export function nextRelease(version: string): string {
  const { core, prerelease } = split(version);
  const [major = '', minor = '', patch = ''] = core;
  return [major, minor, prerelease.length > 0 ? patch : BigInt(patch) + 1n].join('.');
}

function split(version: string): { core: string[]; prerelease: string[] } {
  const precedence = precedenceOf(version);
  const dash = precedence.indexOf('-');
  if (dash < 0) return { core: precedence.split('.'), prerelease: [] };
  return { core: precedence.slice(0, dash).split('.'), prerelease: precedence.slice(dash + 1).split('.') };
}

function comparePrereleases(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length; // a release comes after its pre-releases
  for (const [i, left] of a.entries()) {
    const right = b[i];
    if (right === undefined) return 1; // more identifiers come after fewer
    const order = compareIdentifiers(left, right);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareIdentifiers(a: string, b: string): number {
  const aNumeric = /^\d*$/.test(a);
  const bNumeric = /^\d*$/.test(b);
  if (aNumeric && bNumeric) return compareNumeric(a, b);
  if (aNumeric !== bNumeric) return aNumeric ? -1 : 1; // numeric identifiers come first
  return compareText(a, b);
}

/** Without leading zeros the longer number is the larger one. */
function compareNumeric(a: string, b: string): number {
  return a.length - b.length || compareText(a, b);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
