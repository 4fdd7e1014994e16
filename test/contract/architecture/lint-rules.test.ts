import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { tempFolder } from '../../support/process/temp-folder.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const BIOME = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');

const SIXTY_LINES = 'a();\n'.repeat(60);

/** A made-up file, and the rules that it breaks. */
const FILES: readonly (readonly [path: string, text: string, ...rules: string[]])[] = [
  ['src/client/default-export.ts', 'export default 1;', 'noDefaultExport'],
  ['src/client/default-name.ts', 'const a = 1;\nexport { a as default };', 'noDefaultExport'],
  ['src/client/barrel.ts', "export { a } from './thing.ts';", 'noBarrelFile'],
  ['src/client/all.ts', "export * from './thing.ts';", 'noBarrelFile', 'noReExportAll'],
  ['src/client/any.ts', 'export let a: any;', 'noExplicitAny'],
  ['src/client/import-type.ts', "export let a: typeof import('./thing.ts');", 'plugin'],
  ['src/client/four.ts', 'export function f(a: 1, b: 2, c: 3, d: 4) {\n  g(a, b, c, d);\n}', 'useMaxParams'],
  [
    'src/client/class-of-four.ts',
    'export class F {\n  constructor(a: 1, b: 2, c: 3, d: 4) {\n    g(a, b, c, d);\n  }\n}',
    'useMaxParams',
  ],
  ['src/client/three.ts', 'export function f(a: 1, b: 2, c: 3) {\n  g(a, b, c);\n}'],
  ['test/unit/four.ts', 'export function f(a: 1, b: 2, c: 3, d: 4) {\n  g(a, b, c, d);\n}'],
  ['src/client/long.ts', `export function f() {\na();\n${SIXTY_LINES}}`, 'noExcessiveLinesPerFunction'],
  ['src/client/less-long.ts', `export function f() {\n${SIXTY_LINES}}`],
  ['test/unit/long.ts', `export function f() {\na();\n${SIXTY_LINES}}`],
  ['src/client/camelCase.ts', 'a();', 'useFilenamingConvention'],
  ['src/client/PascalCase.ts', 'a();', 'useFilenamingConvention'],
  ['src/client/snake_case.ts', 'a();', 'useFilenamingConvention'],
  ['src/client/0001-kebab-case.ts', 'a();'],
  ['src/client/console.ts', "console.log('a');", 'noConsole'],
  ['src/cli/console.ts', "console.error('a');", 'noConsole'],
  ['src/client/environment.ts', 'a(process.env.URL);', 'noRestrictedGlobals'],
  ['src/client/destructured.ts', 'const { env } = process;\na(env);', 'noRestrictedGlobals'],
  ['src/client/exit-code.ts', 'process.exitCode = 1;', 'noRestrictedGlobals'],
  ['src/client/imported.ts', "import { env } from 'node:process';\na(env);", 'noRestrictedImports'],
  ['src/cli/exit.ts', 'process.exit(1);'],
  ['src/cli/environment.ts', 'a(process.env.URL);', 'noJsRestrictedProperties'],
  ['src/cli/destructured.ts', 'const { env } = process;\na(env);', 'noJsRestrictedProperties'],
  ['src/cli/main.ts', 'a(process.env.URL);'],
  ['src/client/one.ts', "import { b } from './two.ts';\nexport const a = b;", 'noImportCycles'],
  ['src/client/two.ts', "import { a } from './one.ts';\nexport const b = a;", 'noImportCycles'],
  ['src/client/promise.ts', 'async function f() {}\nf();', 'noFloatingPromises'],
];

test('the lint rules find what they are meant to find, and nothing else', async () => {
  const root = await tempFolder();
  for (const path of ['.biome.jsonc', 'test/architecture/no-import-types.grit'])
    cpSync(join(ROOT, path), join(root, path));
  for (const [path, text] of [...FILES, ['src/client/thing.ts', 'export const a = 1;']] as const) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  const found = await lint(root);

  const expected = FILES.flatMap(([path, , ...rules]) => rules.map((rule) => `${path}: ${rule}`));
  expect(found.sort()).toEqual(expected.sort());
});

/** Each file's broken rules, as `path: rule`. */
async function lint(root: string): Promise<string[]> {
  const lint = promisify(execFile)(
    process.execPath,
    [BIOME, 'lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none', '.'],
    { cwd: root },
  );
  const { stdout } = await lint.catch((error: { stdout: string }) => error); // it fails, as it finds something
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: { category: string; location: { path: string } }[];
  };
  return diagnostics.map(({ category, location }) => `${location.path}: ${category.split('/').at(-1)}`);
}
