import { execFile } from 'node:child_process';
import { mkdir, realpath, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { discoverProject } from '../../../src/tauri/discover-project.ts';
import { readCargoManifest } from '../../../src/tauri/project/cargo-manifest.ts';
import { findCargoTarget } from '../../../src/tauri/project/cargo-target.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { copyProject, layOutBuild, write } from '../../support/tauri/tauri-project.ts';

/*
 * Where Cargo builds into: what its own `metadata` says, and what we read from the same files where there is no Cargo.
 */

type Files = Readonly<Record<string, string>>;

const PACKAGE = '[package]\nname = "app"\nversion = "1.0.0"\nedition = "2021"\n';
const INNER = 'apps/d/src-tauri';

const workspace = (settings: string) => `[workspace]\nresolver = "2"\n${settings}\n`;
const root = (settings: string): Files => ({ 'Cargo.toml': workspace(settings) });
const target = (folder: string) => `[build]\ntarget-dir = "${folder}"\n`;

/** Files of a repository besides the package; `package` is where that is, `src-tauri` unless said otherwise. */
const LAYOUTS: [name: string, files: Files, folder?: string, own?: string][] = [
  ['alone', {}],
  ['in its own workspace', {}, 'src-tauri', PACKAGE + workspace('')],
  ['in a workspace above', root('members = ["src-tauri"]')],
  ['in a workspace above by ./', root('members = ["./src-tauri"]')],
  ['in a workspace above by a slash at the end', root('members = ["src-tauri/"]')],
  ['in a workspace by a pattern', root('members = ["apps/*/src-tauri"]'), INNER],
  ['in a workspace by a pattern for all', root('members = ["apps/*/*"]'), INNER],
  ['excluded', root('exclude = ["src-tauri"]')],
  ['excluded with a slash at the end', root('exclude = ["src-tauri/"]')],
  ['excluded by ./', root('exclude = ["./src-tauri"]')],
  ['excluded by ./ and a slash', root('exclude = ["./src-tauri/"]')],
  ['excluded with all above it', root('exclude = ["apps"]'), INNER],
  ['excluded in the middle', root('exclude = ["./apps/d/"]'), INNER],
  ['beside what is excluded', root('members = ["src-tauri"]\nexclude = ["src"]')],
  ['a member below what is excluded', root('members = ["apps/d/src-tauri"]\nexclude = ["apps"]'), INNER],
  [
    'a member by ./ below what is excluded',
    root('members = ["./apps/d/src-tauri/"]\nexclude = ["apps"]'),
    INNER,
  ],
  ['a member and excluded at once', root('members = ["src-tauri"]\nexclude = ["src-tauri"]')],
  ['a member by a pattern, and excluded', root('members = ["apps/*/src-tauri"]\nexclude = ["apps"]'), INNER],
  [
    'in the nearer of two workspaces',
    { ...root('members = []'), ...prefixed('apps', root('members = ["d/src-tauri"]')) },
    INNER,
  ],
  [
    'excluded by the nearer of two workspaces',
    { ...root('members = ["apps/d/src-tauri"]'), ...prefixed('apps', root('exclude = ["d"]')) },
    INNER,
  ],
  [
    'below a package that is no workspace',
    { 'Cargo.toml': PACKAGE.replace('app', 'outer'), 'src/main.rs': '' },
  ],
  [
    'below a package that is a workspace',
    {
      'Cargo.toml': PACKAGE.replace('app', 'outer') + workspace('members = ["src-tauri"]'),
      'src/main.rs': '',
    },
  ],
  [
    'in the workspace that it names',
    prefixed('crates', root('members = ["../src-tauri"]')),
    'src-tauri',
    `${PACKAGE}workspace = "../crates"\n`,
  ],
  ['with a byte order mark', { 'Cargo.toml': `\ufeff${workspace('members = ["src-tauri"]')}` }],
  ['with a target of its own', { 'src-tauri/.cargo/config.toml': target('out') }],
  ['with a target set above', { '.cargo/config.toml': target('out') }],
  ['with a target set in a file without an ending', { '.cargo/config': target('out') }],
  ['with a target set in both files', { '.cargo/config': target('a'), '.cargo/config.toml': target('b') }],
  [
    'with a target set twice',
    { '.cargo/config.toml': target('far'), 'apps/.cargo/config.toml': target('near') },
    INNER,
  ],
  ['with an absolute target', { '.cargo/config.toml': target('/nowhere/out') }],
  ['with a target outside', { '.cargo/config.toml': target('../out') }],
  ['with a dotted key', { '.cargo/config.toml': 'build.target-dir = "out"\n' }],
  ['with an inline table', { '.cargo/config.toml': 'build = { target-dir = "out" }\n' }],
  [
    'with a target in a workspace',
    { ...root('members = ["src-tauri"]'), 'src-tauri/.cargo/config.toml': target('out') },
  ],
  ['with a build-dir, which is another', { '.cargo/config.toml': '[build]\nbuild-dir = "other"\n' }],
  [
    'with an included file',
    { '.cargo/config.toml': 'include = ["more.toml"]\n', '.cargo/more.toml': target('out') },
  ],
  [
    'with an included file as a table',
    { '.cargo/config.toml': 'include = [{ path = "more.toml" }]\n', '.cargo/more.toml': target('out') },
  ],
  [
    'with an included file in a folder',
    { '.cargo/config.toml': 'include = ["sub/more.toml"]\n', '.cargo/sub/more.toml': target('out') },
  ],
  [
    'with several included files',
    {
      '.cargo/config.toml': 'include = ["a.toml", "b.toml"]\n',
      '.cargo/a.toml': target('a'),
      '.cargo/b.toml': target('b'),
    },
  ],
  [
    'with its own setting beside an included one',
    { '.cargo/config.toml': `include = ["a.toml"]\n${target('own')}`, '.cargo/a.toml': target('a') },
  ],
  [
    'with files that include files',
    {
      '.cargo/config.toml': 'include = ["a.toml"]\n',
      '.cargo/a.toml': 'include = ["b.toml"]\n',
      '.cargo/b.toml': target('out'),
    },
  ],
  ["with a target in Cargo's home", { 'cargo-home/config.toml': target('out') }],
  [
    "with a target above and in Cargo's home",
    { 'cargo-home/config.toml': target('home'), '.cargo/config.toml': target('own') },
  ],
];

function prefixed(folder: string, files: Files): Files {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]));
}

async function layOut(files: Files, folder: string, own: string) {
  const repository = join(await realpath(await tempFolder()), 'repository');
  const all = { [`${folder}/Cargo.toml`]: own, [`${folder}/src/main.rs`]: 'fn main() {}\n', ...files };
  for (const [name, text] of Object.entries(all)) await write(join(repository, name), text);
  return { tauri: join(repository, folder), cargoHome: join(repository, 'cargo-home') };
}

async function metadata(folder: string, cargoHome: string): Promise<string> {
  const { CARGO_TARGET_DIR: _, CARGO_BUILD_TARGET_DIR: __, ...inherited } = process.env;
  const env = { ...inherited, CARGO_HOME: cargoHome };
  const args = ['metadata', '--no-deps', '--offline', '--format-version', '1'];
  const { stdout } = await promisify(execFile)('cargo', args, { cwd: folder, env });
  return resolve(JSON.parse(stdout).target_directory);
}

describe.skipIf(!isInstalled('cargo'))("(needs cargo) field 5: Cargo's target folder", () => {
  test.each<(typeof LAYOUTS)[number]>(LAYOUTS)(
    'of a package %s is the one that Cargo says',
    async (_, files, folder = 'src-tauri', own = PACKAGE) => {
      const { tauri, cargoHome } = await layOut(files, folder, own);
      const manifest = await readCargoManifest(tauri);
      const workspaceRoot = manifest?.workspaceRoot ?? '';
      expect(await findCargoTarget({ folder: tauri, workspaceRoot, cargoHome })).toBe(
        await metadata(tauri, cargoHome),
      );
    },
  );
});

describe('field 5: a project is read where Cargo says that it builds into', () => {
  const options = { hostTarget: 'linux', version: '1.2.0' } as const;

  test('before what its files say', async () => {
    const project = await copyProject();
    const elsewhere = join(await tempFolder(), 'elsewhere');
    await layOutBuild(project, 'linux', { targetFolder: elsewhere });
    const asked: string[] = [];
    const askCargo = async (folder: string) => {
      asked.push(folder);
      return elsewhere;
    };
    const found = await discoverProject({ project, ...options, askCargo });
    expect(found.candidates).toHaveLength(3);
    expect(asked).toEqual([join(project, 'src-tauri')]);
    const told = await discoverProject({ project, ...options, askCargo, cargoTargetDir: '/nowhere' });
    expect([told.candidates.length, asked.length]).toEqual([0, 1]);
  });

  test('and by its files where Cargo does not answer', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    const found = await discoverProject({ project, ...options, askCargo: async () => undefined });
    expect(found.candidates).toHaveLength(3);
  });

  test.skipIf(process.platform === 'win32')('through links to the folders that it builds into', async () => {
    const project = await copyProject();
    const real = join(await tempFolder(), 'real');
    await layOutBuild(project, 'linux', { targetFolder: real });
    for (const [name, inner] of [
      ['target', ''],
      ['target/release', 'release'],
      ['target/release/bundle', 'release/bundle'],
      ['target/x86_64-unknown-linux-gnu', ''],
    ] as const) {
      const copy = await copyProject();
      const link = join(copy, 'src-tauri', name);
      await mkdir(dirname(link), { recursive: true });
      await symlink(join(real, inner), link);
      expect((await discoverProject({ project: copy, ...options })).candidates, name).toHaveLength(3);
    }
  });
});
