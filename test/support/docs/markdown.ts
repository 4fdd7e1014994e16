/** A fenced block. */
export interface Block {
  readonly language: string;
  /** Without the indentation that it has in a list. */
  readonly text: string;
}

/** A heading and the text up to the next heading of any level. */
export interface Section {
  readonly heading: string;
  readonly text: string;
}

/** The sections of a page, in order. A `#` inside a fenced block starts none. */
export function sectionsOf(page: string): Section[] {
  const sections: { heading: string; text: string }[] = [];
  let fenced = false;
  for (const line of page.split('\n')) {
    if (line.startsWith('```')) fenced = !fenced;
    const [, heading] = (!fenced && /^#+ (.*)$/.exec(line)) || [];
    if (heading !== undefined) sections.push({ heading: heading.replaceAll('`', ''), text: '' });
    else if (sections.length > 0) (sections.at(-1) as { text: string }).text += `${line}\n`;
  }
  return sections;
}

/** The cells of every row of the tables in a text, without their head. */
export function tableRows(text: string): string[][] {
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  const isRule = (line: string | undefined) => line !== undefined && /^\|[ |:-]+\|$/.test(line);
  return rows
    .filter((line, i) => !isRule(line) && !isRule(rows[i + 1]))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
}

/** The fenced blocks of a text that are in one of these languages. */
export function blocksIn(text: string, ...languages: string[]): Block[] {
  const fenced = [...text.matchAll(/^( *)```(\w+)\n(.*?)^\1```$/gms)];
  return fenced
    .map(([, indent = '', language = '', block = '']) => ({
      language,
      text: block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }))
    .filter(({ language }) => languages.includes(language));
}

/** A text without its fenced blocks. */
export function proseIn(text: string): string {
  return text.replaceAll(/^ *```.*?^ *```$/gms, '');
}

/** The text in backticks outside of fenced blocks. */
export function codeSpansIn(text: string): string[] {
  return [...proseIn(text).matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replaceAll(/\s+/g, ' '));
}
