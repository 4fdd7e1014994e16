import { readdir, readFile, stat } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DIST = join(ROOT, 'dist');

/** Licences that allow to ship a package's code in this one, with its text. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'Unlicense',
]);

/** They ship no text, and name their licence in `package.json` only. */
const WITHOUT_TEXT = new Set(['pgpass', 'pg-types', 'abstract-logging']);

interface Output {
  readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>>;
  readonly imports: readonly { readonly path: string; readonly external?: boolean }[];
}

interface Component {
  readonly name: string;
  readonly group?: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses?: readonly {
    readonly license?: { readonly id?: string };
    readonly expression?: string;
  }[];
}

const { outputs } = (await readJson('metafile-esm.json')) as { outputs: Readonly<Record<string, Output>> };
const sbom = (await readJson('sbom.cdx.json')) as {
  readonly bomFormat: string;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
};

async function readJson(name: string): Promise<unknown> {
  return JSON.parse(await readFile(join(DIST, name), 'utf8'));
}

/** The packages that code in the bundle is from, found without the code that makes the lists. */
async function bundledPackages(): Promise<{ name: string; version: string; license: string }[]> {
  const files = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : [])),
  );
  const folders = files.flatMap((file) => {
    const start = file.lastIndexOf('node_modules/');
    if (start < 0) return [];
    const words = file.slice(start + 'node_modules/'.length).split('/');
    return [join(file.slice(0, start), 'node_modules', ...words.slice(0, words[0]?.startsWith('@') ? 2 : 1))];
  });
  return Promise.all(
    [...new Set(folders)].map(async (folder) =>
      JSON.parse(await readFile(join(ROOT, folder, 'package.json'), 'utf8')),
    ),
  );
}

const packages = await bundledPackages();

describe('the bundle', () => {
  test('has code of this project and of packages in the lock, and of nothing else', async () => {
    const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')).packages;
    const inputs = Object.values(outputs).flatMap(({ inputs: files }) => Object.keys(files));
    for (const file of new Set(inputs)) {
      expect(file, 'its place').toMatch(
        /^(?:src|node_modules)\/|^(?:<stdin>|esbuild:|\(disabled\))|package\.json$/,
      );
    }
    expect(packages.length).toBeGreaterThan(50);
    for (const { name, version } of packages) {
      const locked = Object.entries<{ version?: string }>(lock).filter(([path]) =>
        path.endsWith(`node_modules/${name}`),
      );
      expect(
        locked.map(([, entry]) => entry.version),
        name,
      ).toContain(version);
    }
  });

  test('loads nothing at run time but what Node has, and the native module', () => {
    const loaded = Object.values(outputs).flatMap(({ imports }) =>
      imports.flatMap(({ path, external }) => (external ? [path] : [])),
    );
    const others = new Set(loaded.filter((path) => !isBuiltin(path) && !isBuiltin(`node:${path}`)));
    expect([...others].toSorted()).toEqual(['better-sqlite3', 'pg-native']); // which pg would use if it were asked to
  });

  test('is the only code that ships', async () => {
    const { files, dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    const documents = ['docs/reference/config.schema.json', 'CHANGELOG.md'];
    expect(files).toEqual(['bin', 'dist', '!dist/metafile-esm.json', ...documents]);
    expect(Object.keys(dependencies)).toEqual(['better-sqlite3']);
    const made = new Set(Object.keys(outputs).map((path) => path.replace('dist/', '')));
    const isMade = (path: string) => made.has(path.replace(/\.(?:br|gz)$/, ''));
    const entries = await readdir(DIST, { recursive: true, withFileTypes: true });
    const paths = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => relative(DIST, join(parentPath, name)));
    const html = ['web/index.html', 'web/index.html.br', 'web/index.html.gz'];
    const lists = ['THIRD-PARTY-LICENSES.txt', 'metafile-esm.json', 'sbom.cdx.json'];
    const client = ['client.d.ts', 'client.js']; // of this project alone
    expect(paths.filter((path) => !isMade(path)).toSorted()).toEqual(
      [...lists, ...client, ...html].toSorted(),
    );
  });

  test('has the page for operators, which a browser loads in less than 100 kB', async () => {
    const names = (await readdir(join(DIST, 'web'))).filter((name) =>
      /^page-[A-Z0-9]{8}\.(?:js|css)\.(?:br|gz)$/.test(name),
    );
    expect(names.length).toBe(4);
    for (const ending of ['br', 'gz']) {
      const sizes = names
        .filter((name) => name.endsWith(ending))
        .map(async (name) => (await stat(join(DIST, 'web', name))).size);
      expect((await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)).toBeLessThan(100_000);
    }
  });
});

describe('every package in the bundle', () => {
  test('is in the SBOM, in its version, and nothing else is', () => {
    expect(sbom.bomFormat).toBe('CycloneDX');
    expect(sbom.metadata.component.name).toBe('synckit-ota');
    const listed = sbom.components.map(
      ({ group, name, version }) => `${group ? `${group}/` : ''}${name}@${version}`,
    );
    for (const { name, version } of packages) expect(listed).toContain(`${name}@${version}`);
    const used = Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs));
    for (const { group, name } of sbom.components) {
      const folder = `node_modules/${group ? `${group}/` : ''}${name}/`;
      expect(
        used.some((file) => file.includes(folder)),
        name,
      ).toBe(true);
    }
    for (const { purl } of sbom.components) expect(purl).toMatch(/^pkg:npm\//);
  });

  test('has a licence that allows it, in its manifest and in the SBOM', () => {
    for (const { name, license } of packages) {
      const words = license.replaceAll(/[()]/g, '').split(/ OR | AND /);
      expect(license.includes(' AND ') ? words : words.filter((word) => ALLOWED.has(word)), name).not.toEqual(
        [],
      );
      if (license.includes(' AND ')) for (const word of words) expect(ALLOWED, name).toContain(word);
    }
    for (const { name, licenses = [] } of sbom.components) expect(licenses.length, name).toBeGreaterThan(0);
  });

  test('has the text of its licence beside the bundle', async () => {
    const texts = (await readFile(join(DIST, 'THIRD-PARTY-LICENSES.txt'), 'utf8')).split(/^-{80}$/m);
    for (const { name, version, license } of packages) {
      const text = texts.find((each) => each.includes(`\n${name} ${version} (${license})\n`));
      if (WITHOUT_TEXT.has(name)) expect(text, name).toContain(`License: ${license}`);
      else expect(text?.length, name).toBeGreaterThan(200);
    }
  });
});
