import { readFileSync } from 'node:fs';

/** This program's version, from its package.json. */
export function packageVersion(): string {
  return manifest().version;
}

/** Where its documentation is, if package.json names an address. */
export function packageHomepage(): string | undefined {
  return manifest().homepage;
}

interface Manifest {
  readonly version: string;
  readonly homepage?: string;
}

let known: Manifest | undefined;

/** package.json: one level above `dist`, two above `src/cli`. */
function manifest(): Manifest {
  known ??= ['../package.json', '../../package.json'].map(read).find((found) => found !== undefined);
  if (known === undefined) throw new Error('the package.json of synckit-ota is missing');
  return known;
}

function read(path: string): Manifest | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
    return isManifest(content) ? content : undefined;
  } catch {
    return undefined; // not there
  }
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) return false;
  const { name, version, homepage }: { name?: unknown; version?: unknown; homepage?: unknown } = value;
  const hasHomepage = homepage === undefined || typeof homepage === 'string';
  return name === 'synckit-ota' && typeof version === 'string' && hasHomepage;
}
