import { collectSections, type Section } from './changelog-outline.ts';
import { mismatchOf, ONLY_BY_REMARK, plainName, type VersionHeading } from './heading-version.ts';
import {
  isOnlyTags,
  type LinkDefinition,
  type MarkdownBlock,
  type MarkdownDocument,
  parseBlocks,
  usedLabels,
} from './markdown-blocks.ts';

export type ChangelogResult =
  | { readonly kind: 'found'; readonly notes: string }
  /** It has a heading, and nothing below. */
  | { readonly kind: 'empty' }
  /** Only those of several packages, and none of them is known to be the app's. */
  | { readonly kind: 'ambiguous'; readonly names: readonly string[] }
  | { readonly kind: 'missing'; readonly nearest: readonly string[] };

/** How many of the versions that a changelog does have are named. */
const NEAREST = 3;

/** Above this many characters links are not resolved: no notes are that long. */
const MAX_LINKED = 256 * 1024;

/**
 * The notes of a version in a changelog: its section without the heading, in every shape that people and their tools give
 * it. Several sections of one version are joined.
 * @param names what the app may be called where a changelog is of several packages
 */
export function changelogSection(
  markdown: string,
  version: string,
  names: readonly string[] = [],
): ChangelogResult {
  const document = parseBlocks(markdown);
  const sections = collectSections(document);
  const found = sectionsOf(sections, version, names);
  if (found.kind !== 'found') return found;
  const { lines, definitions } = document;
  const defining = new Set<number>();
  for (const { start, end } of definitions) for (let line = start; line < end; line++) defining.add(line);
  const texts = found.sections
    .map((section) => notesOf(lines, section, defining))
    .filter((text) => text !== '');
  if (texts.length === 0) return { kind: 'empty' };
  return { kind: 'found', notes: withDefinitions(texts.join('\n\n'), document, found.sections) };
}

type SectionsResult =
  | { readonly kind: 'found'; readonly sections: readonly Section[] }
  | Extract<ChangelogResult, { kind: 'ambiguous' | 'missing' }>;

/** The sections of a version, all of the same, best fit: `1.2.0+5` is not joined with `1.2.0`. */
function sectionsOf(sections: readonly Section[], version: string, names: readonly string[]): SectionsResult {
  const fitting = sections.flatMap((section) => {
    const mismatch = mismatchOf(section.heading, version);
    return mismatch === undefined ? [] : [{ section, mismatch }];
  });
  const best = fitting.reduce((least, { mismatch }) => Math.min(least, mismatch), Number.POSITIVE_INFINITY);
  const matching = fitting.filter(({ mismatch }) => mismatch === best).map(({ section }) => section);
  if (matching.length === 0) return { kind: 'missing', nearest: nearestVersions(sections, version) };
  const remarks = new Set(matching.flatMap(({ heading }) => heading.versions.map(({ text }) => text)));
  // Two candidates of a version are not its notes.
  if (best >= ONLY_BY_REMARK && remarks.size > 1)
    return { kind: 'missing', nearest: nearestVersions(sections, version) };
  return ofApp(matching, sections, new Set(names.map(plainName)));
}

/** Leaves out the sections of other packages. */
function ofApp(
  matching: readonly Section[],
  all: readonly Section[],
  names: ReadonlySet<string>,
): SectionsResult {
  const knowsOwn = all.some(({ heading }) => isNamed(heading, names));
  const own = knowsOwn ? names : APP;
  const named = new Set(all.map(({ heading }) => heading.name).filter((name) => name !== ''));
  const isMixed = matching.some(({ heading }) => heading.name === '');
  const choosable =
    knowsOwn || isMixed || named.size > 1
      ? matching.filter(({ heading }) => heading.name === '' || isNamed(heading, own))
      : matching;
  if (choosable.length === 0) return { kind: 'ambiguous', names: [...new Set(matching.map(titleOf))] };
  // Below a heading for each package.
  const parents = new Set(choosable.map(({ parent }) => plainName(parent)));
  if (parents.size < 2) return { kind: 'found', sections: choosable };
  const below = choosable.filter(({ parent }) => isNamed(namesOfParent(parent), names));
  if (below.length > 0) return { kind: 'found', sections: below };
  return { kind: 'ambiguous', names: [...new Set(choosable.map(({ parent }) => parent))] };
}

/** A name for the app where no heading has its own: `app-v1.2.0` is the tag of Tauri's action. */
const APP: ReadonlySet<string> = new Set(['app']);

function isNamed(
  { name, unscopedName }: Pick<VersionHeading, 'name' | 'unscopedName'>,
  names: ReadonlySet<string>,
): boolean {
  return names.has(name) || names.has(unscopedName);
}

function namesOfParent(parent: string) {
  return { name: plainName(parent), unscopedName: plainName(parent.replace(/^@[^\s/]+\//, '')) };
}

function titleOf({ title }: Section): string {
  return title;
}

/** The versions that begin most like the wanted one, in the order of the document: what a person could have meant. */
function nearestVersions(sections: readonly Section[], version: string): string[] {
  const written = new Set(sections.flatMap(({ heading }) => heading.versions.map(({ text }) => text)));
  return [...written]
    .map((text) => ({ text, common: commonStart(text, version) }))
    .sort((a, b) => b.common - a.common)
    .slice(0, NEAREST)
    .map(({ text }) => text);
}

function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}

/** A section's text, without what Markdown does not show either, and what only sets it off from the next. */
function notesOf(
  lines: readonly string[],
  { start, end, blocks }: Section,
  hiddenLines: ReadonlySet<number>,
): string {
  const hidden = new Set<number>();
  const hide = (block: Pick<MarkdownBlock, 'start' | 'end'>) => {
    for (let line = block.start; line < block.end; line++) hidden.add(line);
  };
  const shown = blocks.filter((block) => block.kind !== 'html' || !isComment(block.source));
  for (const block of blocks) if (block.kind === 'html' && isComment(block.source)) hide(block);
  const fold = shown.findIndex(({ kind, source }) => kind === 'html' && /<details/i.test(source));
  for (let index = shown.length - 1; index >= 0; index--) {
    const block = shown[index];
    if (block === undefined) break;
    if (!isSeparator(block) && !(endsFold(block, end) && (fold < 0 || fold >= index))) break;
    hide(block);
  }
  for (const block of shown) {
    if (block.kind !== 'rule') break;
    hide(block);
  }
  const kept: string[] = [];
  for (let line = start; line < end; line++) {
    const text = lines[line] ?? '';
    if (!hidden.has(line) && !hiddenLines.has(line)) kept.push(text);
    else if (kept.at(-1)?.trim() !== '') kept.push('');
  }
  return trimLines(kept);
}

/** At the end of a section: a rule, or the anchor of the next version. */
function isSeparator({ kind, source }: MarkdownBlock): boolean {
  if (kind === 'rule') return true;
  if (kind === 'html') return /^\s*<a\s/i.test(source);
  return kind === 'paragraph' && /^<a\s/i.test(source) && isOnlyTags(source);
}

/** The end of a fold that began before the section, or the beginning of one that has the next heading as its title. */
function endsFold({ kind, source, end }: MarkdownBlock, sectionEnd: number): boolean {
  return kind === 'html' && (end > sectionEnd || /^\s*<\/details>/i.test(source));
}

function isComment(html: string): boolean {
  let rest = html.trim();
  while (rest.startsWith('<!--')) {
    const end = rest.indexOf('-->');
    if (end < 0) return true;
    rest = rest.slice(end + 3).trimStart();
  }
  return rest === '';
}

/** The notes with the definitions of the links that they use: without these "[#1]" would be dead text. */
function withDefinitions(notes: string, document: MarkdownDocument, sections: readonly Section[]): string {
  const { lines, definitions } = document;
  if (definitions.length === 0 || notes.length > MAX_LINKED) return notes;
  const used = usedLabels(
    notes,
    definitions.map(({ label }) => label),
  );
  const needed = new Map<string, LinkDefinition>();
  // The first of a label counts, but a section's own one even more.
  for (const definition of [...definitionsIn(sections, definitions), ...definitions]) {
    if (used.has(definition.label) && !needed.has(definition.label)) needed.set(definition.label, definition);
  }
  if (needed.size === 0) return notes;
  const texts = [...needed.values()]
    .sort((a, b) => a.start - b.start)
    .map(({ start, end }) => lines.slice(start, end).join('\n').trimEnd());
  return `${notes}\n\n${texts.join('\n')}`;
}

/** Both are in the order of the document. */
function definitionsIn(
  sections: readonly Section[],
  definitions: readonly LinkDefinition[],
): LinkDefinition[] {
  let next = 0;
  return definitions.filter(({ start }) => {
    while ((sections[next]?.end ?? start + 1) <= start) next += 1;
    return (sections[next]?.start ?? start + 1) <= start;
  });
}

/** Without blank lines at both ends; the indentation of the first line can mean code. */
function trimLines(lines: readonly string[]): string {
  const isText = (line: string) => line.trim() !== '';
  const first = lines.findIndex(isText);
  return first < 0
    ? ''
    : lines
        .slice(first, lines.findLastIndex(isText) + 1)
        .join('\n')
        .trimEnd();
}
