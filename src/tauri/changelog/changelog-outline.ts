import { classifyHeading, type HeadingKind, type VersionHeading } from './heading-version.ts';
import { type MarkdownBlock, type MarkdownDocument, plainText } from './markdown-blocks.ts';

/** What a changelog says about a version, or several. */
export interface Section {
  readonly heading: VersionHeading;
  /** The heading as it is read. */
  readonly title: string;
  /** The heading above that is not of a version, as it is read; empty without one. */
  readonly parent: string;
  /** The first line below the heading, and the one after the last, counted from 0. */
  readonly start: number;
  readonly end: number;
  readonly blocks: readonly MarkdownBlock[];
}

/** A heading, or what people use for one. */
interface Heading {
  readonly start: number;
  /** The first line below. */
  readonly end: number;
  /** 1 to 6; more for what only looks like one: a fold's title, a bold line, a line of its own. */
  readonly level: number;
  readonly text: string;
  readonly about: HeadingKind;
}

const LIKE_HEADING = 7;

/** Longer lines are text. */
const MAX_LINE = 300;

/** Finds the sections of all versions, in the order of the document. */
export function collectSections(document: MarkdownDocument): Section[] {
  const sections = sectionsBelow(document, findHeadings(document, false));
  return sections.length > 0 ? sections : sectionsBelow(document, findHeadings(document, true));
}

function findHeadings({ blocks, lines }: MarkdownDocument, plainLines: boolean): Heading[] {
  return blocks.flatMap((block) => {
    if (block.kind === 'heading') return [headingOf(block, lines)];
    if (block.kind === 'html') return htmlHeadings(block);
    if (block.kind === 'paragraph' || block.kind === 'list') return headingsInText(block, lines, plainLines);
    return [];
  });
}

/** A setext heading takes the lines above it along, which people do not mean: there the last line is the heading. */
function headingOf({ start, end, level, source }: MarkdownBlock, lines: readonly string[]): Heading {
  const text = source.length > MAX_LINE * 4 ? '' : plainText(source).trim();
  const lineCount = end - start;
  if (lineCount > 2 && !/^ {0,3}#/.test(lines[start] ?? '')) {
    const last = text.split('\n').at(-1) ?? '';
    const about = classifyHeading(last);
    if (about.kind === 'version') return { start: end - 2, end, level, text: last, about };
  }
  const line = text.replaceAll('\n', ' ');
  return { start, end, level, text: line, about: classifyHeading(line) };
}

/** `<h2>1.2.0</h2>`, and the title of a fold: `<summary>1.2.0</summary>`. */
function htmlHeadings({ start, end, source }: MarkdownBlock): Heading[] {
  if (source.startsWith('<!--')) return [];
  const headings: Heading[] = [];
  for (const [index, line] of source.split('\n').entries()) {
    if (line.length > MAX_LINE) continue;
    const [, tag = '', content = ''] = /<(h[1-6]|summary)\b[^>]*>(.*)<\/\1>/i.exec(line) ?? [];
    if (tag === '') continue;
    const text = content.replace(/<[^<>]*>/g, '').trim();
    const about = classifyHeading(text);
    const level = tag.toLowerCase() === 'summary' ? LIKE_HEADING : Number(tag.slice(1));
    const row = start + index;
    if (about.kind === 'version')
      headings.push({ start: row, end: Math.min(row + 1, end), level, text, about });
  }
  return headings;
}

/**
 * Lines like `##1.2.0`, which is no heading without the blank, `**1.2.0**`, and `1.2.0` where nothing else is. Without a
 * blank line above they are taken for text of the list above.
 */
function headingsInText(
  { kind, start, end }: MarkdownBlock,
  lines: readonly string[],
  plainLines: boolean,
): Heading[] {
  const headings: Heading[] = [];
  for (let row = start; row < end; row++) {
    const source = lines[row] ?? '';
    if (kind === 'list' && /^\s|^[*+-]\s|^\d+[.)]\s/.test(source)) continue;
    const line = source.trim();
    if (line.length > MAX_LINE || !/\d/.test(line)) continue;
    const [, marks = '', rest = ''] = /^(#{1,6})(?=[^#\s])(.*)$/.exec(line) ?? [];
    const isBold = /^(?:\*\*|__)/.test(line);
    const isAllBold = isBold && /(?:\*\*|__)$/.test(line);
    if (marks === '' && !isBold && !plainLines) continue;
    const text = plainText(marks === '' ? line : rest).trim();
    const about = classifyHeading(text);
    if (about.kind !== 'version') continue;
    const { pure, name } = about.heading;
    if (!pure && !(plainLines && isAllBold && name === '')) continue;
    headings.push({ start: row, end: row + 1, level: marks.length || LIKE_HEADING, text, about });
  }
  return headings;
}

interface OpenSection {
  readonly heading: Heading;
  /** Undefined for "Unreleased", which becomes no section. */
  readonly version: VersionHeading | undefined;
  readonly parent: Heading | undefined;
}

/** Each version's heading opens a section, which ends where a heading does not belong to it any more. */
function sectionsBelow({ blocks, lines }: MarkdownDocument, headings: readonly Heading[]): Section[] {
  const sections: Section[] = [];
  let open: OpenSection | undefined;
  const outside: Heading[] = []; // the headings above that are of no version, each deeper than the one before
  let nextBlock = 0;
  const close = (end: number) => {
    const { heading, version, parent } = open ?? {};
    open = undefined;
    if (heading === undefined || version === undefined) return;
    const { text: title, end: start } = heading;
    while (nextBlock < blocks.length && (blocks[nextBlock]?.end ?? 0) <= start) nextBlock += 1;
    let last = nextBlock;
    while (last < blocks.length && (blocks[last]?.start ?? end) < end) last += 1;
    const within = blocks.slice(nextBlock, last).filter((block) => block.start >= start);
    sections.push({ heading: version, title, parent: parent?.text ?? '', start, end, blocks: within });
    nextBlock = last;
  };
  for (const heading of headings) {
    if (open !== undefined && belongsTo(heading, open)) continue;
    close(heading.start);
    const above = outside.findLastIndex(({ level }) => level < heading.level);
    const { about } = heading;
    if (about.kind === 'other') outside.splice(above + 1, Infinity, heading);
    else {
      const version = about.kind === 'version' ? about.heading : undefined;
      open = { heading, version, parent: outside[above] };
    }
  }
  close(lines.length);
  return sections;
}

/** Whether a heading is inside an open section, rather than the end of it. */
function belongsTo({ about, level }: Heading, { heading: opening, version, parent }: OpenSection): boolean {
  if (about.kind === 'version') {
    if (level === opening.level) return isAside(about.heading, version);
    return level > opening.level && !opensBelow(about.heading, version);
  }
  if (about.kind === 'unreleased') return level > opening.level;
  if (level >= opening.level) return true; // "## What's Changed" in the notes that GitHub generates
  return parent === undefined ? opening.level >= LIKE_HEADING : level > parent.level;
}

/** "Known issues in 1.2.0" beside the heading of 1.2.0. */
function isAside(heading: VersionHeading, opening: VersionHeading | undefined): boolean {
  if (opening === undefined) return false;
  return heading.name !== '' && !heading.tagged && opening.name === '' && sameVersions(heading, opening);
}

function sameVersions(a: VersionHeading, b: VersionHeading): boolean {
  return a.versions.map(({ text }) => text).join() === b.versions.map(({ text }) => text).join();
}

/** Tools write patches one level deeper than minors, and people group versions by `# 1.x`: others are sub-headings. */
function opensBelow(heading: VersionHeading, opening: VersionHeading | undefined): boolean {
  if (heading.pure) return true;
  if (heading.name !== '' || opening === undefined) return false;
  return opening.name !== '' || opening.versions.every(({ numbers }) => numbers.length < 3);
}
