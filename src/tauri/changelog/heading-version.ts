/** A version as people write it in a heading, also with two numbers, or four. */
interface WrittenVersion {
  /** As it is written. */
  readonly text: string;
  /** Its numbers, without leading zeros. */
  readonly numbers: readonly string[];
  /** Its pre-release part in small letters and digits: `rc1` for `-rc.1`, `rc1` and ` (Release Candidate 1)`. */
  readonly prerelease: string;
  /** Whether the pre-release part is only a remark behind the version. */
  readonly remark: boolean;
  readonly build: string;
}

/** A heading that is about versions. */
export interface VersionHeading {
  readonly versions: readonly WrittenVersion[];
  /** What the version is of, in small letters and digits: `myapp` for `my-app@1.2.0`. Empty where it does not say. */
  readonly name: string;
  /** The same without the scope of an npm package. */
  readonly unscopedName: string;
  /** Whether the name is one with the version, as in a tag. */
  readonly tagged: boolean;
  /** Whether nothing but the version, a date and the like is there. */
  readonly pure: boolean;
}

export type HeadingKind =
  | { readonly kind: 'version'; readonly heading: VersionHeading }
  /** It ends a section, and is never one: "Unreleased". */
  | { readonly kind: 'unreleased' }
  | { readonly kind: 'other' };

/** No heading about a version is longer. */
const MAX_HEADING = 160;

/** `1.2.0`, `v1.2`, `app-v1.2.0-rc.1+build`, `1.2.0rc1`: numbers, pre-release part, build. */
const VERSION =
  /(?<=^|[^\p{L}\p{N}.:]|(?:^|[^\p{L}\p{N}])v(?:er(?:sion)?)?\.?)(\d+(?:\.\d+)+)((?:-[0-9A-Za-z][0-9A-Za-z-]*|[A-Za-z][0-9A-Za-z]*)(?:\.[0-9A-Za-z]+)*)?(\+[0-9A-Za-z.-]+)?(?!\.?[\p{L}\p{N}_])/giu;

const DATE = /\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2\d{2,4}/g;

const DOTTED_DATE = /^(?:\d{4}\.\d{1,2}\.\d{1,2}|\d{1,2}\.\d{1,2}\.\d{4})$/;

const URL_OR_EMOJI = /\bhttps?:\/\/\S*|:[a-z][a-z0-9_+-]*:(?!\d)/gi;

/** Words that say nothing about what a version is of. */
const FILLERS = new Set(
  'a about add all app application announcing beta alpha build candidate canary change changed changelog changes current date desktop dev draft edition final for history hotfix in initial is latest legacy list log lts maintenance major minor new nightly notes now of official of on our out patch pre prerelease preview product rc ref refs refstags release released releases releasenotes software stable tag tags the to this update v ver version versions was what whats with r yanked'.split(
    ' ',
  ),
);

/** `my-app-v`, `my-app@`: one word. */
const TAGGED = /^(.+)[-_@/:]v?$/isu;

const TAG_PREFIXES = new Set([
  'r',
  'refstags',
  'rel',
  'release',
  'releases',
  'tag',
  'tags',
  'v',
  'ver',
  'version',
]);

/** Before a version that a heading compares with, or needs: "Migrating from 1.9.0". */
const COMPARING =
  /(?:\b(?:from|to|since|with|before|after|until|till|than|via|requires?|required|needs?|using|against|and|vs|below|above)\b|[\p{L}\p{N}]\s*(?:[→⇒<>≥≤]|\.{2,3}))[^\p{L}\p{N}]*v?$/iu;

/** Between the two ends of a range. */
const RANGE =
  /^[^\p{L}\p{N}]*(?:(?:to|through|thru|until|till|bis)\b|[→⇒–—]|[-=]>|\.{2,3}|-)[^\p{L}\p{N}]*v?$/iu;

/** Between versions that share a section. */
const LIST = /^[^\p{L}\p{N}]*(?:and|or|[,/&+])[^\p{L}\p{N}]*v?$/iu;

const UNRELEASED =
  /\b(?:unreleased|upcoming|not released yet|in development)\b|^\W*(?:next|head|master|main|tbd|planned)\b\W*(?:release|version)?\W*$/i;

/** Headings beside the versions that belong to the whole document. */
const OF_DOCUMENT = /^\W*(?:older|previous|earlier|past|archived?|historical|history|licen[cs]e|legend)\b/i;

const PRERELEASE_REMARK =
  /^[^\p{L}\p{N}]*(pre-?release|release candidate|rc|alpha|beta|preview|nightly)\b[^\p{L}\p{N}]*(\d{1,3}(?!\d|[-./]\d))?/iu;

/** What may stand beside the version in a heading that is about nothing else. */
const BESIDE =
  /\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?|\d+(?:st|nd|rd|th)?|released?|release candidate|candidate|on|of|yanked|unreleased|final|stable|latest|lts|current|pre-?release|alpha|beta|rc|preview|nightly|tbd|yyyy|mm|dd|utc|gmt)\b/gi;

/** What a heading is about, from its text without markup. */
export function classifyHeading(text: string): HeadingKind {
  if (text.length > MAX_HEADING) return { kind: 'other' };
  const line = text.normalize('NFKC').replace(URL_OR_EMOJI, ' ').trim();
  const matches = versionMatches(line);
  const [first] = matches;
  const unreleased = UNRELEASED.exec(line)?.index;
  if (unreleased !== undefined && (first === undefined || unreleased < first.index))
    return { kind: 'unreleased' };
  if (first === undefined) return OF_DOCUMENT.test(line) ? { kind: 'unreleased' } : { kind: 'other' };
  const before = line.slice(0, first.index);
  if (COMPARING.test(before) || matches.some(({ range }) => range)) return { kind: 'other' };
  const versions = matches.filter(({ listed }) => listed);
  const last = versions.at(-1) ?? first;
  const name = nameIn(before);
  if (name !== '' && first.version.numbers.length < 3) return { kind: 'other' }; // "Windows 8.1"
  const after = line.slice(last.index + last.length);
  return {
    kind: 'version',
    heading: {
      versions: versions.map(({ version }) => withRemark(version, after)),
      name,
      tagged: attachedTo(lastWord(before)) !== undefined,
      unscopedName: nameIn(before.replace(/@[^\s/@]+\/(?=\S)/, '')),
      pure: name === '' && isBeside(before) && isBeside(after),
    },
  };
}

/** From this `mismatchOf` on it is a pre-release by a remark, and the wanted version only for want of a better one. */
export const ONLY_BY_REMARK = 4;

/** How loosely a heading's version is written: 0 is exactly the wanted one; undefined where it is another. */
export function mismatchOf(heading: VersionHeading, version: string): number | undefined {
  const wanted = parseVersion(version);
  const found = heading.versions
    .map((written) => mismatch(written, wanted))
    .filter((rank) => rank !== undefined);
  return found.length === 0 ? undefined : Math.min(...found);
}

/** A name as headings are compared by it: in small letters and digits. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

interface VersionMatch {
  readonly index: number;
  readonly length: number;
  readonly version: WrittenVersion;
  /** Whether it is one end of a range, or shares a section with the version before it. */
  readonly range: boolean;
  readonly listed: boolean;
}

/** The versions in a heading. Dates with dots count only where nothing else does, two numbers only without three. */
function versionMatches(line: string): VersionMatch[] {
  const all = [...line.matchAll(VERSION)].map((match) => ({
    match,
    dots: (match[1] ?? '').split('.').length,
  }));
  const undated = all.filter(({ match }) => !DOTTED_DATE.test(match[1] ?? ''));
  const candidates = undated.length > 0 ? undated : all;
  const full = candidates.filter(({ dots }) => dots > 2);
  let end = 0;
  let listed = true; // so far
  return (full.length > 0 ? full : candidates.slice(0, 1)).map(({ match }, index) => {
    const [whole, numbers = '', suffix = '', build = ''] = match;
    const between = line.slice(end, match.index);
    end = match.index + whole.length;
    listed &&= index === 0 || LIST.test(between);
    return {
      index: match.index,
      length: whole.length,
      version: parseVersion(numbers + suffix.replace(/^-\d{4}-\d{1,2}-\d{1,2}$/, '') + build),
      range: (index === 0 && /^-\d+\.\d+\.\d+/.test(suffix)) || (index === 1 && RANGE.test(between)),
      listed,
    };
  });
}

function parseVersion(text: string): WrittenVersion {
  const [, numbers = '', prerelease = '', build = ''] = /^([\d.]+)([^+]*)(\+[\s\S]*)?$/.exec(text) ?? [];
  return {
    text,
    numbers: numbers.split('.').map((part) => part.replace(/^0+(?=\d)/, '')),
    prerelease: plainName(prerelease),
    remark: false,
    build,
  };
}

/** "0.5.0 (Release Candidate 1)" is 0.5.0-rc.1. */
function withRemark(version: WrittenVersion, after: string): WrittenVersion {
  const [, word, number = ''] = PRERELEASE_REMARK.exec(after) ?? [];
  if (word === undefined || version.prerelease !== '') return version;
  const short = word.toLowerCase() === 'release candidate' ? 'rc' : plainName(word);
  return {
    ...version,
    text: `${version.text} ${word} ${number}`.trimEnd(),
    prerelease: short + number,
    remark: true,
  };
}

function mismatch(written: WrittenVersion, wanted: WrittenVersion): number | undefined {
  const [length, needed] = [written.numbers.length, wanted.numbers.length];
  for (let index = 0; index < Math.max(length, needed); index++) {
    if ((written.numbers[index] ?? '0') !== (wanted.numbers[index] ?? '0')) return undefined;
  }
  const loose = length === needed ? 0 : 2;
  if (written.prerelease !== wanted.prerelease) {
    return written.remark && wanted.prerelease === '' ? ONLY_BY_REMARK + loose : undefined;
  }
  return loose + (written.build === wanted.build ? 0 : 1);
}

/** What stands before a version, without the words that every heading may have. */
function nameIn(before: string): string {
  const words = before.replace(DATE, ' ').replace(BESIDE, ' ').split(/\s+/);
  // `desktop@1.2.0` and `app-v1.2.0` are names, whatever the word.
  const attached = attachedTo(words.at(-1) ?? '');
  const others = (attached === undefined ? words : words.slice(0, -1)).filter(
    (word) => !FILLERS.has(plainName(word)),
  );
  const tag = attached === undefined || TAG_PREFIXES.has(plainName(attached)) ? '' : attached;
  return plainName(`${others.join('')}${tag}`);
}

function attachedTo(word: string): string | undefined {
  const [, attached] = TAGGED.exec(word) ?? [];
  return attached !== undefined && /[\p{L}\p{N}]/u.test(attached) ? attached : undefined;
}

function lastWord(text: string): string {
  return text.split(/\s/).at(-1) ?? '';
}

function isBeside(text: string): boolean {
  const rest = text
    .replace(DATE, ' ')
    .replace(BESIDE, ' ')
    .replace(/\bv(?:er(?:sion)?)?\b/gi, ' ');
  return !/\p{L}/u.test(rest);
}
