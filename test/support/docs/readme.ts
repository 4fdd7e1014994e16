import { readFile } from 'node:fs/promises';

export const README = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');

/** The content of every fenced block of these languages in the README. */
export function blocks(...languages: string[]): string[] {
  const fenced = [...README.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  return fenced.filter(([, language = '']) => languages.includes(language)).map(([, , text = '']) => text);
}
