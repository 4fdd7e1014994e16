import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build, defineConfig, type Options } from 'tsup';

/** Where esbuild's metafile, the licences of what it bundled, and the list of it end up. */
const DIST = 'dist';
const WEB = join(DIST, 'web');
const WEB_METAFILE = join(WEB, 'metafile-esm.json');

type Metafile = Readonly<Record<'inputs' | 'outputs', Readonly<Record<string, object>>>>;

/** The page is built at the same time as the program, which lists what is in both. */
const page = { built: Promise.resolve(), isBuilt: () => {} };
page.built = new Promise((resolve) => {
  page.isBuilt = () => resolve();
});

const program = {
  entry: {
    main: 'src/cli/main.ts',
    'check-worker': 'src/database/sqlite/threads/check-worker.ts',
    'checkpoint-worker': 'src/database/sqlite/threads/checkpoint-worker.ts',
    'writer-worker': 'src/database/sqlite/threads/writer-worker.ts',
    'hash-worker': 'src/runtime/hashing/hash-worker.ts',
  },
  outDir: DIST,
  format: 'esm',
  target: 'node22.19',
  platform: 'node',
  splitting: true, // a command loads only what it needs
  clean: ['**/*', '!web/**'],
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
    await page.built;
    const metafile = join(DIST, 'metafile-esm.json');
    addInputs(metafile, WEB_METAFILE);
    writeFileSync(join(DIST, 'THIRD-PARTY-LICENSES.txt'), licences(bundledPackages(metafile)));
    writeSbom(metafile);
    await buildAppClient();
  },
} satisfies Options;

/** The page for operators: one script and one style, named by their content, with their compressed forms. */
const web = {
  entry: { page: 'src/web/page.tsx' },
  outDir: WEB,
  format: 'esm',
  target: ['es2023', 'chrome120', 'firefox121', 'safari17'],
  platform: 'browser',
  splitting: false,
  clean: true,
  metafile: true,
  minify: true,
  noExternal: [/./],
  esbuildOptions: (options) => {
    options.entryNames = '[name]-[hash]';
    options.jsx = 'automatic';
    options.jsxImportSource = 'preact';
  },
  async onSuccess() {
    const { outputs } = readMetafile(WEB_METAFILE);
    const nameOf = (ending: string) =>
      basename(Object.keys(outputs).find((file) => file.endsWith(ending)) ?? '');
    const [script, style] = [nameOf('.js'), nameOf('.css')];
    const html = readFileSync('src/web/page.html', 'utf8')
      .replace('{script}', script)
      .replace('{style}', style);
    writeFileSync(join(WEB, 'index.html'), html);
    for (const name of [script, style, 'index.html']) compress(join(WEB, name));
    page.isBuilt();
  },
} satisfies Options;

export default defineConfig([program, web]);

function compress(file: string): void {
  const content = readFileSync(file);
  writeFileSync(`${file}.br`, brotliCompressSync(content));
  writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
}

function readMetafile(file: string): Metafile {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** One list of all that ships: adds what another metafile has, and removes that. */
function addInputs(metafile: string, other: string): void {
  const [one, two] = [readMetafile(metafile), readMetafile(other)];
  const inputs = { ...one.inputs, ...two.inputs };
  writeFileSync(metafile, JSON.stringify({ inputs, outputs: { ...one.outputs, ...two.outputs } }));
  rmSync(other);
}

/** Folders of the packages that the bundle has code of. */
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
  const packages = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
    return { name, version, license, text: file && readFileSync(join(folder, file), 'utf8').trim() };
  });
  const parts = packages.map(({ name, version, license, text }) => {
    // A few have no file: theirs is the text that others of the same authors have.
    const same = packages.find(
      (other) => other.license === license && other.text && scopeOf(other.name) === scopeOf(name),
    );
    return `${name} ${version} (${license})\n\n${text ?? same?.text ?? `License: ${license}`}\n`;
  });
  return `synckit-ota contains code of the following packages.\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

function scopeOf(name: string): string {
  return name.split('/')[0] ?? '';
}

/** CycloneDX: what is in the bundle, for tools that look up known vulnerabilities. */
function writeSbom(metafile: string): void {
  const program = join('node_modules', '@cyclonedx', 'cyclonedx-esbuild', 'bin', 'cyclonedx-esbuild-cli.js');
  const output = ['--output-reproducible', '--output-file', join(DIST, 'sbom.cdx.json')];
  execFileSync(process.execPath, [program, '--mc-type', 'application', ...output, metafile], {
    stdio: 'inherit',
  });
}

/** What apps import: a small module for their webview, with its types. It is built by itself, as nothing else is in it. */
async function buildAppClient(): Promise<void> {
  const source = 'src/app-client/app-updates.ts';
  await build({
    config: false,
    silent: true,
    entry: { client: source },
    outDir: DIST,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    minify: true,
    external: [/^@tauri-apps\//],
  });
  const folder = join(DIST, 'types');
  const options = ['--declaration', '--emitDeclarationOnly', '--noEmit', 'false', '--outDir', folder];
  const modules = ['--module', 'nodenext', '--target', 'es2023', '--skipLibCheck', '--ignoreConfig'];
  execFileSync(join('node_modules', '.bin', 'tsc'), [...options, ...modules, source], { stdio: 'inherit' });
  renameSync(join(folder, 'app-updates.d.ts'), join(DIST, 'client.d.ts'));
  rmSync(folder, { recursive: true });
}
