import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { appImage } from '../support/process/executables.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { canBuildTauri, NEEDED } from '../support/tauri/cargo.ts';
import type { SigningKey } from '../support/tauri/signer.ts';
import { type InstalledApp, runApp } from './installed-app.ts';
import { ownAppImage } from './own-app-image.ts';
import { canInstallPackages, PACKAGE_MANAGERS, PRODUCT, PROGRAM } from './package-manager.ts';
import { PLUGINS, programOf } from './plugins.ts';
import { newKey, type PublishedApp, startPublishedApp } from './published-app.ts';

let key: SigningKey;
let otherKey: SigningKey;

beforeAll(async () => {
  [key, otherKey] = await Promise.all([newKey(), newKey()]);
});

function installed({ endpoint }: PublishedApp, query = ''): InstalledApp {
  const updater = { pubkey: key.publicKey, endpoints: [endpoint + query] };
  return { version: '1.0.0', updater, until: 'install' };
}

describe.skipIf(!canBuildTauri()).each(PLUGINS)(`an AppImage with $name (${NEEDED})`, (plugin) => {
  const run = (app: InstalledApp, file: string) => runApp(plugin, app, { appImage: file, kind: 'appimage' });

  test('field 7: is replaced by the new one, and can be executed as before', async () => {
    const app = await startPublishedApp();
    const { appimage } = await app.release({ version: '1.1.0', key });
    const file = await ownAppImage();
    expect(await run(installed(app), file)).toMatchObject({ update: { version: '1.1.0' }, installed: true });
    expect(await readFile(file)).toEqual(appimage?.bytes);
    expect((await stat(file)).mode & 0o777).toBe(0o750);
    expect(await readdir(dirname(file))).toEqual(['My notes.AppImage']);
  });

  test('field 7: is replaced by what an archive for Tauri 1 contains', async () => {
    const app = await startPublishedApp();
    await app.release({ version: '1.1.0', key, v1Compatible: true, kinds: ['appimage'] });
    const file = await ownAppImage();
    expect(await run(installed(app), file)).toMatchObject({ installed: true });
    expect(await readFile(file)).toEqual(appImage('x86_64'));
  });

  test('field 7: stays when the new one is signed with another key', async () => {
    const app = await startPublishedApp();
    await app.release({ version: '1.1.0', key: otherKey });
    const file = await ownAppImage();
    const before = await readFile(file);
    expect(await run(installed(app), file)).toMatchObject({ error: 'Minisign' });
    expect(await readFile(file)).toEqual(before);
  });
});

describe.each(PACKAGE_MANAGERS)('a $kind package', (manager) => {
  const { kind, commands } = manager;
  const needed = `${NEEDED}, ${commands.join(', ')}, and root`;
  const skip = !canBuildTauri() || !canInstallPackages(manager);
  const able = PLUGINS.filter(({ installs }) => installs.includes(kind));

  describe.skipIf(skip).each(able)(`with $name (${needed})`, (plugin) => {
    test('field 7: is replaced by the new one through its package manager', async () => {
      const app = await startPublishedApp();
      const pack = { [kind]: (file: string) => manager.build(file, '1.1.0', programOf(plugin, kind)) };
      // Before plugin 2.10 an app cannot tell that an AppImage is not for it.
      const kinds = plugin.knowsItsKind ? ['appimage', 'deb', 'rpm'] : [kind];
      await app.release({ version: '1.1.0', key, product: PRODUCT, pack, kinds });

      const old = join(await tempFolder(), `old.${kind}`);
      await manager.build(old, '1.0.0', programOf(plugin, kind));
      await manager.install(old);
      onTestFinished(async () => void (await manager.remove()));
      expect(await manager.version()).toBe('1.0.0');
      const outcome = await runApp(plugin, installed(app), { program: PROGRAM });
      expect(outcome).toMatchObject({ update: { version: '1.1.0' }, installed: true });
      expect(await manager.version()).toBe('1.1.0');
    });
  });
});

describe.skipIf(!canBuildTauri())(`a package that can be given an AppImage (${NEEDED})`, () => {
  test.each(PLUGINS.filter(({ knowsItsKind }) => knowsItsKind))(
    'field 7: is not, with $name and its kind in the endpoint',
    async (plugin) => {
      const app = await startPublishedApp();
      await app.release({ version: '1.1.0', key, kinds: ['appimage'] });
      const unaware = { ...installed(app), until: 'install' } as const;
      expect(await runApp(plugin, unaware, { kind: 'deb' })).toMatchObject({ error: 'InvalidUpdaterFormat' });
      const aware = installed(app, '?bundle_type={{bundle_type}}');
      expect(await runApp(plugin, aware, { kind: 'deb' })).toEqual({ update: null });
    },
  );
});
