import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Arch, Target } from '../../../src/protocol/platform.ts';
import { appImage, fatMachO, machO, msi, windowsProgram } from '../process/executables.ts';
import { tempFolder } from '../process/temp-folder.ts';
import { writeTarGz, zip } from './archives.ts';
import { debianPackage, rpmPackage } from './packages.ts';

export const SAMPLE = fileURLToPath(new URL('../../fixtures/tauri-project', import.meta.url));

export const PRODUCT = 'Note Taker';
export const VERSION = '1.2.0';

/** A copy of the sample project, its configuration changed by a merge of top-level fields. */
export async function copyProject(changes: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const project = join(await tempFolder(), 'note-taker');
  await cp(SAMPLE, project, { recursive: true });
  await changeConfig(project, changes);
  return project;
}

/** Changes fields of its configuration; undefined removes one. */
export async function changeConfig(
  project: string,
  changes: Readonly<Record<string, unknown>>,
): Promise<void> {
  const file = join(project, 'src-tauri/tauri.conf.json');
  await writeFile(
    file,
    JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...changes }, undefined, 2),
  );
}

/** A configuration of the updater with an endpoint that leads to a server on loopback. */
export function updaterFor(
  server: string,
  {
    pubkey,
    slug = 'note-taker',
    query = '',
  }: { pubkey?: string | undefined; slug?: string; query?: string } = {},
) {
  const endpoint = `${server}/api/sync/ota/${slug}/{{target}}/{{arch}}/{{current_version}}${query}`;
  return { pubkey, endpoints: [endpoint], dangerousInsecureTransportProtocol: true };
}

export interface BuildOptions {
  readonly product?: string;
  readonly version?: string;
  /** `--target`, which also decides the archs. */
  readonly triple?: string;
  readonly profile?: string;
  /** Two on a Mac for a universal app. */
  readonly archs?: readonly Arch[];
  /** The contents, if they differ from what is expected. */
  readonly archsInside?: readonly Arch[];
  /** What packages say about themselves, if it differs from their file names. */
  readonly versionInside?: string;
  readonly nameInside?: string;
  /** `bundle.createUpdaterArtifacts`. */
  readonly updaterArtifacts?: boolean | 'v1Compatible';
  /** Cargo's target folder; the project's own when absent. */
  readonly targetFolder?: string;
  /** Creates `<file>.sig`, by default with text that only resembles a signature. */
  readonly sign?: (file: string) => Promise<unknown>;
}

const WORDS = {
  appimage: { x86_64: 'amd64', i686: 'i386', aarch64: 'aarch64', armv7: 'armhf', riscv64: 'riscv64' },
  deb: { x86_64: 'amd64', i686: 'i386', aarch64: 'arm64', armv7: 'armhf', riscv64: 'riscv64' },
  rpm: { x86_64: 'x86_64', i686: 'i386', aarch64: 'aarch64', armv7: 'armhfp', riscv64: 'riscv64' },
  windows: { x86_64: 'x64', i686: 'x86', aarch64: 'arm64', armv7: 'arm', riscv64: 'riscv64' },
} as const;

/**
 * Creates the output of `tauri build` on a system: small files with genuine headers, and other files beside them.
 * @returns the files an updater could take, by their names
 */
export async function layOutBuild(
  project: string,
  system: Target,
  options: BuildOptions = {},
): Promise<Record<string, string>> {
  const { triple, profile = 'release', updaterArtifacts = true } = options;
  const targetFolder = options.targetFolder ?? join(project, 'src-tauri/target');
  const bundles = join(targetFolder, ...(triple ? [triple] : []), profile, 'bundle');
  const files = await { linux: buildLinux, darwin: buildMac, windows: buildWindows }[system](
    bundles,
    options,
  );
  if (updaterArtifacts) {
    const sign = options.sign ?? ((file) => writeFile(`${file}.sig`, `signature of ${basename(file)}`));
    for (const file of files) await sign(file);
  }
  return Object.fromEntries(files.map((file) => [basename(file), file]));
}

/** Writes a file, and the folders it needs. */
export async function write(file: string, content: Buffer | string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
}

async function buildLinux(bundles: string, options: BuildOptions): Promise<string[]> {
  const { product = PRODUCT, version = VERSION, archs: [arch = 'x86_64'] = [], updaterArtifacts } = options;
  const inside = options.archsInside?.[0] ?? arch;
  const program = appImage(inside);
  const packaged = {
    name: options.nameInside ?? product.toLowerCase().replaceAll(' ', '-'),
    version: options.versionInside ?? version,
  };
  const name = `${product}_${version}_${WORDS.appimage[arch]}.AppImage`;
  const debName = `${product}_${version}_${WORDS.deb[arch]}`;
  await write(join(bundles, 'appimage/build_appimage.sh'), '#!/bin/sh\n');
  await write(join(bundles, `appimage/${product}.AppDir/AppRun`), program);
  await write(join(bundles, `deb/${debName}/debian-binary`), '2.0\n');
  const files = [
    await write(join(bundles, 'appimage', name), program),
    await write(
      join(bundles, 'deb', `${debName}.deb`),
      debianPackage({ ...packaged, arch: WORDS.deb[inside] }),
    ),
    await write(
      join(bundles, 'rpm', `${product}-${version}-1.${WORDS.rpm[arch]}.rpm`),
      rpmPackage({ ...packaged, arch: WORDS.rpm[inside] }),
    ),
  ];
  if (updaterArtifacts === 'v1Compatible') {
    const archive = join(bundles, 'appimage', `${name}.tar.gz`);
    await writeTarGz(archive, { [name]: program });
    files.push(archive);
  }
  return files;
}

async function buildMac(bundles: string, options: BuildOptions): Promise<string[]> {
  const { product = PRODUCT, version = VERSION, archs = ['aarch64'], updaterArtifacts = true } = options;
  const inside = options.archsInside ?? archs;
  const program = inside.length > 1 ? fatMachO(inside) : machO(inside[0] ?? 'aarch64');
  const app = {
    [`${product}.app/Contents/Info.plist`]: infoPlist(version),
    [`${product}.app/Contents/MacOS/sidecar`]: machO('x86_64'),
    [`${product}.app/Contents/MacOS/note-taker`]: program,
    [`${product}.app/Contents/Resources/icon.icns`]: 'icns',
  };
  for (const [path, content] of Object.entries(app)) await write(join(bundles, 'macos', path), content);
  const word = archs.length > 1 ? 'universal' : { x86_64: 'x64', aarch64: 'aarch64' }[archs[0] as 'x86_64'];
  await write(join(bundles, 'dmg', `${product}_${version}_${word}.dmg`), 'koly');
  await write(join(bundles, 'dmg/bundle_dmg.sh'), '#!/bin/sh\n');
  if (!updaterArtifacts) return [];
  const file = join(bundles, 'macos', `${product}.app.tar.gz`);
  await writeTarGz(file, app);
  return [file];
}

async function buildWindows(bundles: string, options: BuildOptions): Promise<string[]> {
  const { product = PRODUCT, version = VERSION, archs: [arch = 'x86_64'] = [], updaterArtifacts } = options;
  const nsis = `${product}_${version}_${WORDS.windows[arch]}-setup`;
  const msiName = `${product}_${version}_${WORDS.windows[arch]}_en-US.msi`;
  const files = [
    await write(join(bundles, 'nsis', `${nsis}.exe`), windowsProgram('i686')),
    await write(join(bundles, 'msi', msiName), msi()),
  ];
  if (updaterArtifacts === 'v1Compatible') {
    const setup = zip({ [`${nsis}.exe`]: windowsProgram('i686') });
    files.push(await write(join(bundles, 'nsis', `${nsis}.nsis.zip`), setup));
    files.push(await write(join(bundles, 'msi', `${msiName}.zip`), zip({ [msiName]: msi() })));
  }
  return files;
}

function infoPlist(version: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>CFBundleExecutable</key>
  <string>note-taker</string>
  <key>CFBundleShortVersionString</key>
  <string>${version}</string>
</dict>
</plist>
`;
}
