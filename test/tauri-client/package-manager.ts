import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isInstalled } from '../support/process/is-installed.ts';
import { tempFolder } from '../support/process/temp-folder.ts';

const run = promisify(execFile);

/** The product that is really installed and removed here: no package of this machine has its name. */
export const PRODUCT = 'Synckit Ota Test App';
const NAME = 'synckit-ota-test-app';

/** Where its package puts its program. */
export const PROGRAM = `/usr/lib/${NAME}/app`;

/** A system's own tools for packages. */
export interface PackageManager {
  readonly kind: 'deb' | 'rpm';
  /** Commands without which it cannot be used. */
  readonly commands: readonly string[];
  /** Writes a package of the product with this program. */
  build(file: string, version: string, program: string): Promise<void>;
  install(file: string): Promise<unknown>;
  /** @returns the version that is installed */
  version(): Promise<string>;
  remove(): Promise<unknown>;
}

const DEB: PackageManager = {
  kind: 'deb',
  commands: ['dpkg', 'dpkg-deb', 'sudo'],
  async build(file, version, program) {
    const tree = await tempFolder();
    await mkdir(join(tree, 'DEBIAN'));
    const fields = [`Package: ${NAME}`, `Version: ${version}`, 'Architecture: amd64'];
    const about = ['Maintainer: example <app@example.com>', 'Description: an app under test', ''];
    await writeFile(join(tree, 'DEBIAN/control'), [...fields, ...about].join('\n'));
    await mkdir(join(tree, PROGRAM, '..'), { recursive: true });
    await copyFile(program, join(tree, PROGRAM));
    await run('dpkg-deb', ['-Zgzip', '-z1', '--root-owner-group', '--build', tree, file]);
  },
  install: (file) => run('dpkg', ['--install', file]),
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of dpkg's
  version: async () => (await run('dpkg-query', ['--show', '--showformat', '${Version}', NAME])).stdout,
  remove: () => run('dpkg', ['--purge', NAME]),
};

const RPM: PackageManager = {
  kind: 'rpm',
  commands: ['rpm', 'rpmbuild', 'sudo'],
  async build(file, version, program) {
    const folder = await tempFolder();
    const about = [`Name: ${NAME}`, `Version: ${version}`, 'Release: 1', 'Summary: s', 'License: MIT'];
    const files = [
      '%description',
      'd',
      '%install',
      `install -D ${program} %{buildroot}${PROGRAM}`,
      '%files',
      PROGRAM,
    ];
    // Found by their name in an RPM system's database, which other systems lack.
    const spec = [...about, 'AutoReqProv: no', ...files, ''].join('\n');
    await writeFile(join(folder, 'app.spec'), spec);
    const defines = [
      `_topdir ${folder}`,
      '_binary_payload w1.gzdio',
      '__os_install_post %{nil}',
      'debug_package %{nil}',
    ];
    const options = defines.flatMap((define) => ['--define', define]);
    await run('rpmbuild', ['-bb', ...options, '--target', 'x86_64-linux', join(folder, 'app.spec')]);
    const [built = ''] = await readdir(join(folder, 'RPMS/x86_64'));
    await rename(join(folder, 'RPMS/x86_64', built), file);
  },
  install: (file) => run('rpm', ['-U', file]),
  version: async () => (await run('rpm', ['-q', '--queryformat', '%{VERSION}', NAME])).stdout,
  remove: () => run('rpm', ['-e', NAME]),
};

export const PACKAGE_MANAGERS: readonly PackageManager[] = [DEB, RPM];

/** Only root can install packages without being asked for a password. */
export function canInstallPackages({ commands }: PackageManager): boolean {
  return process.getuid?.() === 0 && commands.every(isInstalled);
}
