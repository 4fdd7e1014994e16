import { withoutColors } from '../printable/colored-text.ts';

/** Columns that a text takes on a terminal. */
export function widthOf(text = ''): number {
  return withoutColors(text).length;
}

/** Breaks a text between words, and nowhere else: not in a command between backticks either. */
export function wrapWords(text: string, width: number): string[] {
  if (widthOf(text) <= width) return [text];
  const lines: string[] = [];
  let line: string | undefined;
  for (const word of wordsOf(text)) {
    const longer: string = line === undefined ? word : `${line} ${word}`;
    if (line !== undefined && widthOf(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line === undefined ? lines : [...lines, line];
}

/** The words of a text. A command between backticks is one, as it is copied as a whole. */
function wordsOf(text: string): string[] {
  const parts = text.split('`');
  if (parts.length % 2 === 0) return text.split(' ');
  const words = [''];
  for (const [at, part] of parts.entries()) {
    const [first = '', ...rest] = at % 2 === 1 ? [`\`${part}\``] : part.split(' ');
    words.push((words.pop() ?? '') + first, ...rest);
  }
  return words;
}

/** Breaks long lines between words; what follows is indented below its line, or its item of a list. */
export function wrapLines(lines: readonly string[], width: number): string[] {
  return lines.flatMap((line) => {
    const text = line.trimStart();
    const indent = ' '.repeat(line.length - text.length);
    const [first = '', ...rest] = wrapWords(text, width - indent.length);
    const following = rest.length === 0 ? [] : wrapWords(rest.join(' '), width - indent.length - 2);
    return [indent + first, ...following.map((each) => `${indent}  ${each}`)];
  });
}

/** `wrapLines` for lines that are ready to be printed. */
export function wrapText(text: string, width: number): string {
  return wrapLines(text.split('\n'), width).join('\n');
}
