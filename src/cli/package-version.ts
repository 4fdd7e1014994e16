import { readFileSync } from 'node:fs';

/** This program's version, from its package.json: one level above `dist`, two above `src/cli`. */
export function packageVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const manifest = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as Record<
        string,
        unknown
      >;
      if (manifest.name === 'synckit-ota') return String(manifest.version);
    } catch {
      // not there: the next one is
    }
  }
  throw new Error('the package.json of synckit-ota is missing');
}
