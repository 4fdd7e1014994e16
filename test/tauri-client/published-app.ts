import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import type { Target } from '../../src/protocol/platform.ts';
import { startWorld, type World } from '../support/publish/world.ts';
import type { Store } from '../support/server/stores.ts';
import { generateKey, type SigningKey, signFile } from '../support/tauri/signer.ts';
import { copyProject, layOutBuild, PRODUCT } from '../support/tauri/tauri-project.ts';
import { type Installation, type InstalledApp, type Outcome, runApp } from './installed-app.ts';
import { PLUGINS, type Plugin } from './plugins.ts';

export const SLUG = 'note-taker';

export interface Bundle {
  readonly file: string;
  readonly bytes: Buffer;
  /** The text of its `.sig`. */
  readonly signature: string;
}

/** What `tauri build` leaves for updaters, by kind of bundle. */
export type Bundles = Readonly<Record<string, Bundle>>;

/** A version of the app, as its project builds, signs and publishes it. */
export interface Build {
  readonly version: string;
  /** Signs its bundles. */
  readonly key: SigningKey;
  /** What the build carries, if not the public half of the key that signs it. */
  readonly embeds?: SigningKey;
  readonly systems?: readonly Target[];
  /** Kinds of bundle that `bundle.targets` names; all of the system's when absent. */
  readonly kinds?: readonly string[];
  /** The endpoint that the build carries, if not the server's. */
  readonly endpoint?: string;
  /** Also archives, as apps of Tauri 1 take them; signed instead of what is in them. */
  readonly v1Compatible?: true;
  /** Writes a kind's file in place of the small one. */
  readonly pack?: Readonly<Record<string, (file: string) => Promise<unknown>>>;
  readonly product?: string;
  /** Signed as by CLIs from before versions were signed. */
  readonly withoutSignedVersion?: true;
  /** More options of `publish`. */
  readonly options?: readonly string[];
}

/** An app's server, and its projects. */
export interface PublishedApp {
  readonly world: World;
  /** Where installed apps ask, as their configuration has it. */
  readonly endpoint: string;
  /** Builds, signs and publishes by `publish`, which has to succeed. @returns the bundles */
  release(build: Build): Promise<Bundles>;
}

/** @param serve its options; a URL is where everything reaches it, if not at its own address */
export async function startPublishedApp(
  serve: { readonly args?: readonly string[]; readonly url?: URL; readonly store?: Store } = {},
): Promise<PublishedApp> {
  const world = await startWorld(serve.args, serve.url, serve.store);
  const origin = (serve.url ?? new URL(world.server.url)).origin;
  const endpoint = `${origin}/api/sync/ota/${SLUG}/{{target}}/{{arch}}/{{current_version}}`;
  return {
    world,
    endpoint,
    async release(build) {
      const { project, bundles } = await buildApp(build, endpoint);
      const { code, stderr } = await world.run(['publish', ...(build.options ?? [])], { cwd: project });
      expect(code, stderr).toBe(0);
      return bundles;
    },
  };
}

/** Lays out the project after a build: small files with genuine headers, signed by the real signer. */
async function buildApp(build: Build, endpoint: string): Promise<{ project: string; bundles: Bundles }> {
  const { version, key, embeds = key, systems = ['linux'], product = PRODUCT } = build;
  const updater = { pubkey: embeds.publicKey, endpoints: [build.endpoint ?? endpoint] };
  const createUpdaterArtifacts = build.v1Compatible ? 'v1Compatible' : true;
  const bundle = { active: true, targets: 'all', createUpdaterArtifacts };
  const project = await copyProject({ version, productName: product, bundle, plugins: { updater } });
  const bundles: Record<string, { file: string; bytes: Buffer; signature: string }> = {};
  const sign = async (file: string) => {
    const kind = kindOf(file);
    if (build.kinds?.includes(kind) === false) return rm(file);
    // What headers do not describe may follow: so each version has other bytes.
    if (/\.(AppImage|exe|msi)$/.test(file)) await appendFile(file, `${kind} of ${version}\n`.repeat(500));
    await build.pack?.[kind]?.(file);
    const signature = await signFile(key, file, build.withoutSignedVersion ? {} : { appVersion: version });
    const [bytes, text] = await Promise.all([readFile(file), readFile(signature, 'utf8')]);
    bundles[kind] = { file, bytes, signature: text.trim() };
  };
  for (const system of systems)
    await layOutBuild(project, system, { version, product, updaterArtifacts: createUpdaterArtifacts, sign });
  return { project, bundles };
}

function kindOf(file: string): string {
  if (/\.AppImage(\.tar\.gz)?$/.test(file)) return 'appimage';
  const extension = basename(file).split('.').at(-1) ?? '';
  return { gz: 'app', exe: 'nsis' }[extension] ?? extension;
}

/** A key pair of the real signer. */
export async function newKey(): Promise<SigningKey> {
  const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-test-'));
  const key = await generateKey(folder);
  await rm(folder, { recursive: true });
  return key;
}

/** What the app does on each version of the plugin. @returns outcomes by the plugin's name */
export async function onEachPlugin(
  app: InstalledApp,
  installation: (plugin: Plugin) => Installation | Promise<Installation> = () => ({}),
): Promise<Record<Plugin['name'], Outcome>> {
  const outcomes = PLUGINS.map(
    async (plugin) => [plugin.name, await runApp(plugin, app, await installation(plugin))] as const,
  );
  return Object.fromEntries(await Promise.all(outcomes)) as Record<Plugin['name'], Outcome>;
}

/** The same outcome expected on each plugin, or what a plugin decides. */
export function each<T>(expected: (plugin: Plugin) => T): Record<Plugin['name'], T> {
  return Object.fromEntries(PLUGINS.map((plugin) => [plugin.name, expected(plugin)])) as Record<
    Plugin['name'],
    T
  >;
}
