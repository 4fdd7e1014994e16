import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { importsOf, type SourceFile, violationsOf } from './source-rules.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const FOLDERS = ['protocol', 'client', 'publish', 'database', 'storage', 'server', 'cli'] as const;

function filesUnder(folder: string): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({
      path: relative(ROOT, file).split(sep).join('/'),
      text: readFileSync(file, 'utf8'),
    }));
}

describe('the sources', () => {
  const files = [...filesUnder('src'), ...filesUnder('bin')];

  test('are all there', () => {
    const folders = files.map(({ path }) => path.split('/').slice(0, -1).join('/'));
    expect(folders).toEqual(
      expect.arrayContaining(['bin', 'src', ...FOLDERS.map((folder) => `src/${folder}`)]),
    );
  });

  test('keep the rules of the design', () => {
    expect(violationsOf(files)).toEqual([]);
  });
});

/** A made-up file among others that it may or may not import. */
function violationsIn(path: string, text: string): string[] {
  const others = ['src/errors.ts', ...FOLDERS.map((name) => `src/${name}/thing.ts`)].map((other) => ({
    path: other,
    text: '',
  }));
  return violationsOf([...others, { path, text }]).map(({ rule }) => rule);
}

/** Row imports column, in the order of FOLDERS. */
const ARROWS: Readonly<Record<(typeof FOLDERS)[number], string>> = {
  protocol: 'x......',
  client: 'xx.....',
  publish: 'xxx....',
  database: 'x..x...',
  storage: 'x...x..',
  server: 'x..xxx.',
  cli: 'xxxxxxx',
};

describe('the check of the arrows', () => {
  const pairs = FOLDERS.flatMap((from) =>
    FOLDERS.map((to, i) => [from, ARROWS[from][i] === 'x' ? 'lets' : 'does not let', to] as const),
  );

  test.each(pairs)('%s: it %s it import %s', (from, verdict, to) => {
    const found = violationsIn(`src/${from}/file.ts`, `import { a } from '../${to}/thing.ts';`);
    expect(found).toEqual(verdict === 'lets' ? [] : [`${from} does not import ${to}`]);
  });

  test.each([...FOLDERS])('%s may import the errors, and they import nothing', (folder) => {
    expect(violationsIn(`src/${folder}/file.ts`, "import { OtaError } from '../errors.ts';")).toEqual([]);
    expect(violationsIn('src/errors.ts', `import { a } from './${folder}/thing.ts';`)).not.toEqual([]);
  });

  test.each([
    "import { a } from '../server/thing.ts';",
    "import type { A } from '../server/thing.ts';",
    "import {\n  a,\n  type B,\n} from '../server/thing.ts';",
    "import * as server from '../server/thing.ts';",
    "import server, { a } from '../server/thing.ts';",
    "import '../server/thing.ts';",
    "const { a } = await import('../server/thing.ts');",
    'const { a } = await import(`../server/thing.ts`);',
    "let a: typeof import('../server/thing.ts');",
    "const a = require('../server/thing.ts');",
    "// it's a comment\nimport { a } from '../server/thing.ts';",
    "import { a } from '../client/../server/thing.ts';",
  ])('sees through %j', (text) => {
    expect(violationsIn('src/client/file.ts', text)).toContain('client does not import server');
  });

  test('is not misled by comments and strings', () => {
    const text =
      "// import { a } from '../server/thing.ts';\n/* import '../server/thing.ts' */\nconst url = 'http://x';";
    expect(violationsIn('src/client/file.ts', text)).toEqual([]);
    expect(importsOf("const a = 'text'; // from 'nowhere'")).toEqual([]);
  });

  test('finds an import of a file that is not there', () => {
    expect(violationsIn('src/client/file.ts', "import { a } from './gone.ts';")).toEqual([
      'imports ./gone.ts, which is not there',
    ]);
  });

  test('lets files of subfolders import as their folder does', () => {
    expect(violationsIn('src/cli/commands/serve.ts', "import { a } from '../../server/thing.ts';")).toEqual(
      [],
    );
    expect(
      violationsIn('src/server/handlers/check.ts', "import { a } from '../../client/thing.ts';"),
    ).toEqual(['server does not import client']);
  });
});

describe('the check of packages', () => {
  test.each([
    ['undici', 'client'],
    ['better-sqlite3', 'database'],
    ['pg', 'database'],
    ['kysely', 'database'],
    ['@aws-sdk/client-s3', 'storage'],
    ['fastify', 'server'],
    ['@fastify/send', 'server'],
    ['commander', 'cli'],
  ])('%s is imported by %s only', (name, folder) => {
    for (const text of [
      `import a from '${name}';`,
      `await import('${name}');`,
      `import type A from '${name}';`,
    ]) {
      for (const from of FOLDERS) {
        const expected = from === folder ? [] : [`${name} is imported by ${folder} only`];
        expect(violationsIn(`src/${from}/file.ts`, text), from).toEqual(expected);
      }
    }
  });

  test.each([
    'node:fs',
    'node:fs/promises',
    'fs',
    'node:http',
    'node:https',
    'node:net',
    'node:child_process',
  ])('protocol does no IO by %s', (name) => {
    const text = `import { a } from '${name}';`;
    expect(violationsIn('src/protocol/file.ts', text)).toEqual([`protocol does no IO: ${name}`]);
    expect(violationsIn('src/storage/file.ts', text)).toEqual([]);
  });

  test('protocol may hash', () => {
    expect(violationsIn('src/protocol/file.ts', "import { createHash } from 'node:crypto';")).toEqual([]);
  });
});

describe('the check of the edge of the process', () => {
  test.each([
    'const url = process.env.URL;',
    'const { env } = process;',
    "const url = process['env'].URL;",
    'process.exit(1);',
    'process.exitCode = 1;',
    "process.stdout.write('');",
    "process.stderr.write('');",
    "console.log('');",
    "console.error('');",
  ])('%s is for the command line only', (text) => {
    for (const folder of FOLDERS.filter((name) => name !== 'cli'))
      expect(violationsIn(`src/${folder}/file.ts`, text), folder).toHaveLength(1);
    expect(violationsIn('src/cli/commands/serve.ts', text)).toEqual([]);
  });

  test('process is never imported', () => {
    const text = "import { env } from 'node:process';";
    expect(violationsIn('src/client/file.ts', text)).toEqual(['process is a global']);
  });

  test.each([
    "if (process.platform === 'win32') return;",
    'process.memoryUsage();',
    '// console.log',
    "'console.log'",
  ])('%s is for anyone', (text) => {
    expect(violationsIn('src/storage/file.ts', text)).toEqual([]);
  });
});

describe('the check of exports and names', () => {
  test.each([
    ['export default function a() {}', 'has a default export'],
    ['const a = 1;\nexport { a as default };', 'has a default export'],
    ["export * from './thing.ts';", 're-exports from another file'],
    ["export * as things from './thing.ts';", 're-exports from another file'],
    ["export { a } from './thing.ts';", 're-exports from another file'],
    ["export type {\n  A,\n  B,\n} from './thing.ts';", 're-exports from another file'],
  ])('%j %s', (text, rule) => {
    expect(violationsIn('src/client/file.ts', text)).toEqual([rule]);
  });

  test.each(['utils.ts', 'helpers.ts', 'index.ts', 'types.ts', 'utils/thing.ts'])(
    'no file is called %s',
    (name) => {
      expect(violationsIn(`src/client/${name}`, '')).toHaveLength(1);
    },
  );

  test.each(['otaClient.ts', 'OtaClient.ts', 'ota_client.ts', 'ota--client.ts', '-client.ts'])(
    '%s is not kebab-case',
    (name) => {
      expect(violationsIn(`src/client/${name}`, '')).toEqual([`${name} is not kebab-case`]);
    },
  );

  test.each(['ota-client.ts', '0001-initial.ts', 's3.ts'])('%s is', (name) => {
    expect(violationsIn(`src/client/${name}`, 'export const a = 1;')).toEqual([]);
  });
});
