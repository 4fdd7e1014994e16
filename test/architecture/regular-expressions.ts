import { parseFile } from '@swc/core';

/** A regular expression in a source file. */
export interface Pattern {
  readonly file: string;
  readonly source: string;
  readonly flags: string;
}

/** Every literal regular expression of a file, found in its syntax tree. */
export async function patternsIn(file: string): Promise<Pattern[]> {
  const tree = await parseFile(file, { syntax: 'typescript', tsx: file.endsWith('.tsx'), target: 'es2024' });
  const found: Pattern[] = [];
  collect(tree, (source, flags) => found.push({ file, source, flags }));
  return found;
}

function collect(node: unknown, found: (source: string, flags: string) => void): void {
  if (Array.isArray(node)) {
    for (const inner of node) collect(inner, found);
  } else if (typeof node === 'object' && node !== null) {
    if ('type' in node && node.type === 'RegExpLiteral' && 'pattern' in node && 'flags' in node)
      found(String(node.pattern), String(node.flags));
    for (const inner of Object.values(node)) collect(inner, found);
  }
}
