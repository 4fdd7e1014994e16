import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  FILES_BESIDE_SUBFOLDERS,
  IO_MODULES,
  type PACKAGES,
  SUBFOLDERS,
  TOP_FOLDERS,
} from './dependency-rules.ts';
import { findViolations, type Violation } from './find-violations.ts';

/** What is wrong with a made-up tree: the files by their paths, with their text. */
async function violationsIn(files: Readonly<Record<string, string>>): Promise<Violation[]> {
  const root = mkdtempSync(join(tmpdir(), 'synckit-ota-rules-'));
  try {
    for (const [path, text] of Object.entries({ 'src/x.ts': '', 'bin/x.js': '', ...files })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return await findViolations(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** The rules that one made-up file breaks, among files that it may or may not import. */
async function rulesBrokenBy(path: string, text: string): Promise<string[]> {
  const others = TOP_FOLDER_NAMES.map((top) => [moduleOf(top), 'export type A = string;\n']);
  const violations = await violationsIn({ ...Object.fromEntries(others), [path]: text });
  return violations.filter(({ from }) => from === path).map(({ rule }) => rule);
}

const TOP_FOLDER_NAMES = Object.keys(TOP_FOLDERS);

/** A module of a folder of src, or the file beside the folders. */
function moduleOf(top: string): string {
  return top === 'errors' || top === 'issue' ? `src/${top}.ts` : `src/${top}/thing.ts`;
}

/** For each pair of modules in turn, a tree's file that imports the other one. */
function importingPairs(names: readonly string[], fileOf: (name: string) => string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const name of names) files[fileOf(name)] = '';
  for (const from of names)
    for (const to of names)
      if (from !== to && !fileOf(from).endsWith(`src/${from}.ts`))
        files[importerOf(from, to, fileOf)] =
          `import '${relativePath(importerOf(from, to, fileOf), fileOf(to))}';\n`;
  return files;
}

function importerOf(from: string, to: string, fileOf: (name: string) => string): string {
  return `${dirname(fileOf(from))}/imports-${to.replaceAll('/', '-')}.ts`;
}

function relativePath(from: string, to: string): string {
  return `${'../'.repeat(dirname(from).split('/').length)}${to}`;
}

describe('the folders of src', async () => {
  const violations = await violationsIn(importingPairs(TOP_FOLDER_NAMES, moduleOf));
  const pairs = Object.entries(TOP_FOLDERS).flatMap(([from, allowed]: [string, readonly string[]]) =>
    TOP_FOLDER_NAMES.filter((to) => to !== from && moduleOf(from) !== `src/${from}.ts`).map(
      (to) => [from, allowed.includes(to) ? 'may' : 'may not', to] as const,
    ),
  );

  test.each(pairs)('%s %s import %s', (from, verdict, to) => {
    const importer = importerOf(from, to, moduleOf);
    const found = violations.filter((violation) => violation.from === importer);
    expect(found).toEqual(
      verdict === 'may' ? [] : [{ rule: `what ${from} may import`, from: importer, to: moduleOf(to) }],
    );
  });

  test.each(['errors', 'issue'])('%s may not import a folder', async (name) => {
    expect(await rulesBrokenBy(`src/${name}.ts`, "import './cli/thing.ts';")).toEqual([
      `what ${name} may import`,
    ]);
  });
});

describe.each(Object.entries(SUBFOLDERS))('the subfolders of %s', async (top, folders) => {
  const names = Object.keys(folders);
  const fileOf = (name: string) => `src/${top}/${name}/thing.ts`;
  const beside = (name: string) => [
    [`src/${top}/${name}/imports-beside.ts`, "import '../beside.ts';"],
    [`src/${top}/imports-${name}.ts`, `import './${name}/thing.ts';`],
  ];
  const violations = await violationsIn({
    ...importingPairs(names, fileOf),
    [`src/${top}/beside.ts`]: '',
    ...Object.fromEntries(names.flatMap(beside)),
  });
  const rulesBrokenIn = (file: string) =>
    violations.filter(({ from }) => from === file).map(({ rule }) => rule);

  const pairs = Object.entries(folders).flatMap(([from, allowed]: [string, readonly string[]]) =>
    names
      .filter((to) => to !== from)
      .map((to) => [from, allowed.includes(to) ? 'may' : 'may not', to] as const),
  );

  test.each(pairs)('%s %s import %s', (from, verdict, to) => {
    const expected = verdict === 'may' ? [] : [`what ${top}/${from} may import`];
    expect(rulesBrokenIn(importerOf(from, to, fileOf))).toEqual(expected);
  });

  test.each(names)('%s may import a file beside the subfolders', (name) => {
    expect(rulesBrokenIn(`src/${top}/${name}/imports-beside.ts`)).toEqual([]);
  });

  const allowed: readonly string[] = FILES_BESIDE_SUBFOLDERS[top as keyof typeof FILES_BESIDE_SUBFOLDERS];
  test.each(names.map((name) => [allowed.includes(name) ? 'may' : 'may not', name]))(
    'a file beside them %s import %s',
    (verdict, name) => {
      const expected = verdict === 'may' ? [] : [`what ${top}/*.ts may import`];
      expect(rulesBrokenIn(`src/${top}/imports-${name}.ts`)).toEqual(expected);
    },
  );
});

describe('the ways to import', () => {
  const ways = [
    "import { a } from '../server/thing.ts';",
    "import type { A } from '../server/thing.ts';",
    "import {\n  a,\n  type B,\n} from '../server/thing.ts';",
    "import { type A } from '../server/thing.ts';",
    "import * as server from '../server/thing.ts';",
    "import server, { a } from '../server/thing.ts';",
    "import '../server/thing.ts';",
    "const { a } = await import('../server/thing.ts');",
    'const { a } = await import(`../server/thing.ts`);',
    "export class A { #b = async () => ({ c: [await import('../server/thing.ts')] }); }",
    "const a = require('../server/thing.ts');",
    "import { a } from '../client/../server/thing.ts';",
  ];

  test('every one is seen', async () => {
    const files = ways.map((text, i) => [`src/client/way-${i}.ts`, text]);
    const violations = await violationsIn({ ...Object.fromEntries(files), 'src/server/thing.ts': '' });
    expect(violations.map(({ rule, from }) => [rule, from]).sort()).toEqual(
      files.map(([path]) => ['what client may import', path]).sort(),
    );
  });

  test('an import in a comment or a string is none', async () => {
    const text = `// import { a } from '../server/thing.ts';\nconst a = "import '../server/thing.ts'";`;
    expect(await rulesBrokenBy('src/client/file.ts', text)).toEqual([]);
  });
});

describe('packages', () => {
  const places = [
    'src/client/file.ts',
    'src/client/transport/file.ts',
    'src/identity/file.ts',
    'src/database/file.ts',
    'src/database/sqlite/file.ts',
    'src/database/postgres/file.ts',
    'src/storage/file.ts',
    'src/storage/s3/file.ts',
    'src/server/file.ts',
    'src/server/http/file.ts',
    'src/server/download-page/file.ts',
    'src/server/metrics/file.ts',
    'src/server/webhooks/file.ts',
    'src/server/feeds/file.ts',
    'src/web/file.ts',
    'src/app-client/file.ts',
    'src/cli/file.ts',
    'src/cli/program.ts',
    'src/cli/commands/file.ts',
    'src/cli/options/file.ts',
    'src/cli/output/file.ts',
    'src/publish/file.ts',
    'src/client/attestation/file.ts',
    'src/protocol/attestation/file.ts',
  ];
  const importers: Readonly<Record<keyof typeof PACKAGES, readonly string[]>> = {
    undici: [
      'src/client/file.ts',
      'src/client/transport/file.ts',
      'src/client/attestation/file.ts',
      'src/identity/file.ts',
      'src/server/webhooks/file.ts',
    ],
    jose: ['src/identity/file.ts', 'src/client/attestation/file.ts'],
    '@sigstore/bundle': ['src/client/attestation/file.ts', 'src/protocol/attestation/file.ts'],
    '@sigstore/core': ['src/protocol/attestation/file.ts'],
    '@sigstore/protobuf-specs': ['src/client/attestation/file.ts', 'src/protocol/attestation/file.ts'],
    '@sigstore/tuf': ['src/protocol/attestation/file.ts'],
    '@sigstore/verify': ['src/protocol/attestation/file.ts'],
    '@aws-sdk/client-s3': ['src/storage/s3/file.ts'],
    '@aws-sdk/s3-request-presigner': ['src/storage/s3/file.ts'],
    pg: ['src/database/postgres/file.ts'],
    'better-sqlite3': ['src/database/sqlite/file.ts'],
    kysely: ['src/database/file.ts', 'src/database/sqlite/file.ts', 'src/database/postgres/file.ts'],
    fastify: places.filter((place) => place.startsWith('src/server/')),
    'prom-client': ['src/server/metrics/file.ts'],
    commander: ['src/cli/program.ts', 'src/cli/commands/file.ts', 'src/cli/options/file.ts'],
    '@commander-js/extra-typings': [
      'src/cli/program.ts',
      'src/cli/commands/file.ts',
      'src/cli/options/file.ts',
    ],
    ora: places.filter((place) => place.startsWith('src/cli/')),
    hono: ['src/server/download-page/file.ts', 'src/server/feeds/file.ts'],
    yaml: ['src/server/feeds/file.ts'],
    'sanitize-html': ['src/server/download-page/file.ts'],
    preact: ['src/web/file.ts'],
    uplot: ['src/web/file.ts'],
    '@tauri-apps/plugin-updater': ['src/app-client/file.ts'],
  };

  test.each(Object.entries(importers))('%s is imported in one place only: %j', async (name, allowed) => {
    const statement = `import a from '${name}';\nimport type B from '${name}/sub';`;
    const violations = await violationsIn(Object.fromEntries(places.map((place) => [place, statement])));
    const refused = violations.filter(({ rule }) => rule === `who may import ${name}`);
    const expected = places.filter((place) => !allowed.includes(place));
    expect(refused.map(({ from }) => from).sort()).toEqual(expected.flatMap((from) => [from, from]).sort());
  });

  test('a package that is not installed is found', async () => {
    expect(await rulesBrokenBy('src/cli/file.ts', "import a from 'left-out';")).toEqual(['imports exist']);
  });

  test('a package that is installed but not in package.json is found', async () => {
    const files = {
      'package.json': '{ "dependencies": {} }',
      'node_modules/left-out/package.json': '{ "name": "left-out", "main": "index.js" }',
      'node_modules/left-out/index.js': '',
      'src/cli/file.ts': "import a from 'left-out';",
    };
    expect((await violationsIn(files)).map(({ rule }) => rule)).toEqual(['packages are in package.json']);
  });
});

describe('protocol', () => {
  test('does no IO', async () => {
    const modules = IO_MODULES.flatMap((name) => [name, `node:${name}`]).concat('node:fs/promises');
    const files = modules.map((name, i) => [`src/protocol/file-${i}.ts`, `import { a } from '${name}';`]);
    const violations = await violationsIn(Object.fromEntries(files));
    expect(violations.map(({ rule, from }) => [rule, from]).sort()).toEqual(
      files.map(([path]) => ['protocol does no IO', path]).sort(),
    );
  });

  test('may hash', async () => {
    expect(await rulesBrokenBy('src/protocol/file.ts', "import { a } from 'node:crypto';")).toEqual([]);
  });

  test('is the only folder with that rule', async () => {
    expect(await rulesBrokenBy('src/storage/file.ts', "import { a } from 'node:fs';")).toEqual([]);
  });
});

describe('a tree', () => {
  test('has no import cycles', async () => {
    const files = {
      'src/client/a.ts': "import './b.ts';\nexport const a = 1;",
      'src/client/b.ts': "import { a } from './a.ts';",
    };
    expect((await violationsIn(files)).map(({ rule }) => rule)).toContain('no import cycles');
  });

  test('has no import cycles of types only', async () => {
    const files = {
      'src/client/a.ts': "import type { B } from './b.ts';\nexport type A = B;",
      'src/client/b.ts': "import type { A } from './a.ts';\nexport type B = A;",
    };
    expect((await violationsIn(files)).map(({ rule }) => rule)).toContain('no import cycles');
  });

  test.each([
    "export { a } from './thing.ts';",
    "export type { A } from './thing.ts';",
    "export * from './thing.ts';",
    "export * as things from './thing.ts';",
  ])('has no re-exports: %s', async (text) => {
    expect(await rulesBrokenBy('src/client/file.ts', text)).toEqual(['no re-exports']);
  });

  test.each(['utils', 'helpers', 'index', 'types'])('has no file and no folder called %s', async (name) => {
    const files = {
      [`src/client/${name}.ts`]: '',
      [`src/client/${name}/thing.ts`]: '',
      'src/client/file.ts': `import './${name}.ts';\nimport './${name}/thing.ts';`,
    };
    expect((await violationsIn(files)).map(({ rule }) => rule)).toEqual([
      'names say what is inside',
      'names say what is inside',
    ]);
  });

  test('imports no file that is not there', async () => {
    expect(await rulesBrokenBy('src/client/file.ts', "import './gone.ts';")).toEqual(['imports exist']);
  });

  test.each(['bin/x.js', 'test/x.ts', 'dist/x.js'])('does not import %s in src', async (path) => {
    const files = { [path]: '', 'src/cli/file.ts': `import '../../${path}';` };
    expect((await violationsIn(files)).map(({ rule }) => rule)).toContain('src imports nothing outside src');
  });

  test('has a bin that imports the build only, which may not be there yet', async () => {
    expect(await rulesBrokenBy('bin/file.js', "import '../src/cli/thing.ts';")).toEqual([
      'bin imports the build only',
    ]);
    expect(await rulesBrokenBy('bin/file.js', "import '../dist/main.js';")).toEqual([]);
  });
});
