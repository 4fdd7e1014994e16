const HEADING = /^(#{1,6})[ \t]+(.*)$/;

/** The start or end of a block of code: headings in it do not count. */
const FENCE = /^ {0,3}(```|~~~)/;

/**
 * A version's section of a changelog (https://keepachangelog.com) without its heading, which is like
 * `## [1.2.0] - 2026-01-31`, `## 1.2.0` or `## v1.2.0` at any level. Undefined when it is missing or empty.
 */
export function changelogSection(markdown: string, version: string): string | undefined {
  const lines = markdown.replace(/^\ufeff/, '').split(/\r?\n/);
  const headings = findHeadings(lines);
  const heading = headings.find(({ text }) => versionIn(text) === version);
  if (heading === undefined) return undefined;
  const next = headings.find(
    ({ line, level, text }) =>
      line > heading.line && (level <= heading.level || versionIn(text) !== undefined),
  );
  const section = lines.slice(heading.line + 1, next?.line);
  while (section.length > 0 && /^\s*$|^\[[^\]]+\]:\s/.test(section.at(-1) ?? '')) section.pop();
  const text = section.join('\n').trim();
  return text === '' ? undefined : text;
}

interface Heading {
  readonly line: number; // index
  readonly level: number;
  readonly text: string;
}

function findHeadings(lines: readonly string[]): Heading[] {
  const headings: Heading[] = [];
  let fence: string | undefined;
  for (const [line, content] of lines.entries()) {
    const mark = FENCE.exec(content)?.[1];
    if (mark !== undefined && (fence === undefined || fence === mark))
      fence = fence === undefined ? mark : undefined;
    const [, level = '', text = ''] = (fence === undefined && HEADING.exec(content)) || [];
    if (level !== '') headings.push({ line, level: level.length, text });
  }
  return headings;
}

/** The version at the start of a heading. */
function versionIn(heading: string): string | undefined {
  return /^\[?v?(\d+\.\d+\.\d+[^\s\]()]*)/i.exec(heading.trim())?.[1];
}
