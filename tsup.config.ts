import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'tsup';

/** Where esbuild's metafile and the licences of what it bundled end up. */
const DIST = 'dist';

export default defineConfig({
  entry: { main: 'src/cli/main.ts' },
  outDir: DIST,
  format: 'esm',
  target: 'node22.19',
  platform: 'node',
  splitting: true, // a command loads only what it needs
  clean: true,
  metafile: true,
  minifySyntax: true,
  minifyWhitespace: true,
  // What ships is bundled, so that a cold npx installs next to nothing; the native module cannot be.
  noExternal: [/^(?!better-sqlite3$)/],
  external: ['better-sqlite3'],
  // CommonJS dependencies in an ES module still ask for these.
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
  async onSuccess() {
    const metafile = join(DIST, 'metafile-esm.json');
    writeFileSync(join(DIST, 'THIRD-PARTY-LICENSES.txt'), licences(bundledPackages(metafile)));
  },
});

/** Folders of the packages whose code is in the bundle. */
function bundledPackages(metafile: string): string[] {
  const { outputs } = JSON.parse(readFileSync(metafile, 'utf8')) as {
    outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>;
  };
  const folders = Object.values(outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([file]) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1])
    .filter((folder) => folder !== undefined);
  return [...new Set(folders)].sort();
}

function licences(folders: readonly string[]): string {
  const parts = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
    const path = file && join(folder, file);
    const text = path ? readFileSync(path, 'utf8').trim() : `License: ${license}`;
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  return `synckit-ota contains code of the following packages.\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
