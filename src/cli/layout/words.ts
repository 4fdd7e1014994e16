import { withoutColors } from '../printable/colored-text.ts';

/** Columns that a text takes on a terminal. */
export function widthOf(text = ''): number {
  return withoutColors(text).length;
}

/** Breaks a text between words, and nowhere else. */
export function wrapWords(text: string, width: number): string[] {
  if (widthOf(text) <= width) return [text];
  const lines: string[] = [];
  let line: string | undefined;
  for (const word of text.split(' ')) {
    const longer: string = line === undefined ? word : `${line} ${word}`;
    if (line !== undefined && widthOf(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line === undefined ? lines : [...lines, line];
}

/** Breaks long lines between words; what follows is indented below its line. */
export function wrapLines(lines: readonly string[], width: number): string[] {
  return lines.flatMap((line) => {
    const [first = '', ...rest] = wrapWords(line, width);
    return [first, ...rest.flatMap((each) => wrapWords(each, width - 2)).map((each) => `  ${each}`)];
  });
}
