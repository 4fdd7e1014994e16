import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { canBuildTauri, NEEDED } from '../support/tauri/cargo.ts';
import type { SigningKey } from '../support/tauri/signer.ts';
import { type InstalledApp, runApp } from './installed-app.ts';
import { ownAppImage } from './own-app-image.ts';
import { PLUGINS, type Plugin } from './plugins.ts';
import {
  type Build,
  each,
  newKey,
  onEachPlugin,
  type PublishedApp,
  startPublishedApp,
} from './published-app.ts';

/** For releases that are each built, signed and published, and apps that pass through them all, in milliseconds. */
const LONG_MS = 300_000;

let keys: readonly [SigningKey, SigningKey, SigningKey];

beforeAll(async () => {
  keys = await Promise.all([newKey(), newKey(), newKey()]);
});

/** 1.0 and two changes of its key, each with a bridge: signed with the old key, built with the new one. */
function rotations(): Build[] {
  const [first, second, third] = keys;
  return [
    { version: '1.0.0', key: first },
    { version: '1.1.0', key: first, embeds: second },
    { version: '1.2.0', key: second },
    { version: '1.3.0', key: second, embeds: third },
    { version: '1.4.0', key: third },
  ].map((build) => ({ ...build, kinds: ['appimage'] }));
}

/** An app of a version, with the key that was built into it. */
function installed(app: PublishedApp, version: string, pubkey: string): InstalledApp {
  const updater = { pubkey, endpoints: [app.endpoint], requireSignedVersion: true };
  return { version, updater, until: 'install' };
}

/**
 * Updates an AppImage until there is no update any more, each time as what was installed last.
 * @returns the versions that it was
 */
async function walk(plugin: Plugin, app: PublishedApp, builds: readonly Build[]): Promise<string[]> {
  const appImage = await ownAppImage();
  const [start] = builds;
  const passed = [start?.version ?? ''];
  for (;;) {
    const version = passed.at(-1) ?? '';
    const build = builds.find((candidate) => candidate.version === version);
    const pubkey = (build?.embeds ?? build?.key)?.publicKey ?? '';
    const outcome = await runApp(plugin, installed(app, version, pubkey), { appImage, kind: 'appimage' });
    if (outcome.update === null) return passed;
    expect(outcome, `${plugin.name} from ${version}`).toMatchObject({ installed: true });
    const content = await readFile(appImage, 'latin1');
    passed.push(/appimage of (\S+)/.exec(content)?.[1] ?? 'not an AppImage');
  }
}

/** @returns by the plugin's name, the versions that an app passes which has the first of these builds */
async function walkOnEachPlugin(app: PublishedApp, builds: readonly Build[]) {
  const walks = PLUGINS.map(async (plugin) => [plugin.name, await walk(plugin, app, builds)] as const);
  return Object.fromEntries(await Promise.all(walks));
}

describe.skipIf(!canBuildTauri())(`an app on each version of the updater plugin (${NEEDED})`, () => {
  test('field 7: passes two rotations of the key from any version', { timeout: LONG_MS }, async () => {
    const app = await startPublishedApp();
    const builds = rotations();
    for (const build of builds) await app.release(build);
    const ways = [
      ['1.0.0', '1.1.0', '1.3.0', '1.4.0'],
      ['1.1.0', '1.3.0', '1.4.0'],
      ['1.2.0', '1.3.0', '1.4.0'],
      ['1.3.0', '1.4.0'],
      ['1.4.0'],
    ];
    for (const [i, way] of ways.entries())
      expect(await walkOnEachPlugin(app, builds.slice(i))).toEqual(each(() => way));
    // Versions that were never published here count as the nearest lower one, else as the oldest.
    const [oldest, , plain] = builds as [Build, Build, Build];
    const unknown = (version: string, build: Build) =>
      walkOnEachPlugin(app, [{ ...build, version }, ...builds]);
    expect(await unknown('0.9.0', oldest)).toEqual(each(() => ['0.9.0', '1.1.0', '1.3.0', '1.4.0']));
    expect(await unknown('1.2.5', plain)).toEqual(each(() => ['1.2.5', '1.3.0', '1.4.0']));
  });

  test('field 7: is up to date rather than offered what it rejects, when its bridge is yanked', async () => {
    const app = await startPublishedApp();
    const builds = rotations().slice(0, 3);
    for (const build of builds) await app.release(build);
    const yank = ['releases', 'yank', '1.1.0', '--allow-stranding'];
    expect(await app.world.run(yank)).toMatchObject({ code: 0 });
    const stranded = installed(app, '1.0.0', keys[0].publicKey);
    expect(await onEachPlugin(stranded)).toEqual(each(() => ({ update: null })));
    expect(await app.world.run(['releases', 'restore', '1.1.0'])).toMatchObject({ code: 0 });
    expect(await walkOnEachPlugin(app, builds)).toEqual(each(() => ['1.0.0', '1.1.0', '1.2.0']));
  });

  test('field 7: takes each stepping stone before what requires it', { timeout: LONG_MS }, async () => {
    const app = await startPublishedApp();
    const builds: Build[] = [
      { version: '1.0.0', key: keys[0] },
      { version: '1.1.0', key: keys[0] },
      { version: '1.2.0', key: keys[0], options: ['--requires', '1.1.0'] },
      { version: '1.2.1', key: keys[0], options: ['--requires', '1.1.0'] },
      { version: '2.0.0', key: keys[0], options: ['--requires', '1.2.0'] },
    ].map((build) => ({ ...build, kinds: ['appimage'] }));
    for (const build of builds) await app.release(build);
    expect(await walkOnEachPlugin(app, builds)).toEqual(each(() => ['1.0.0', '1.1.0', '1.2.1', '2.0.0']));
    expect(await walkOnEachPlugin(app, builds.slice(2))).toEqual(each(() => ['1.2.0', '2.0.0']));
  });
});
