import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { type Finished, type RunOptions, run, type Serving, startServe } from '../process/binary.ts';
import { type JsonRun, readDocument } from '../process/json-run.ts';
import { tempFolder } from '../process/temp-folder.ts';
import { addApp } from '../server/add-app.ts';
import type { Store } from '../server/stores.ts';

/** The folder of a project with its files, and `serve` with one app on a store of its own. */
export interface World {
  /** Where commands run. */
  readonly folder: string;
  readonly dataDir: string;
  readonly server: Serving;
  readonly app: { readonly id: string; readonly token: string };
  /** Names server, app and token to a command. */
  readonly env: Readonly<Record<string, string>>;
  run(args: readonly string[], options?: RunOptions): Promise<Finished>;
  runJson(args: readonly string[], options?: RunOptions): Promise<JsonRun>;
}

/**
 * @param url where commands reach the server, if not at its own address
 * @param store where it keeps everything, if not in its own data folder
 */
export async function startWorld(
  serveArgs: readonly string[] = [],
  url?: URL,
  store?: Store,
): Promise<World> {
  const folder = await tempFolder();
  const project = join(folder, 'project');
  await mkdir(project);
  const dataDir = store?.dataDir ?? join(folder, 'data');
  const server = await serveUntilFinished(dataDir, [...serveArgs, ...(store?.serveArgs ?? [])]);
  const database = await (store ? store.openDatabase() : openSqlite({ dataDir }));
  const { id, token } = await addApp(database).finally(() => database.close());
  const env = {
    SYNCKIT_OTA_SERVER: url?.href ?? server.url,
    SYNCKIT_OTA_APP: id,
    SYNCKIT_OTA_TOKEN: token,
  };
  const inWorld = (options: RunOptions = {}) => ({
    cwd: project,
    ...options,
    env: { ...env, ...options.env },
  });
  return {
    folder: project,
    dataDir,
    server,
    app: { id, token },
    env,
    run: (args, options) => run(args, inWorld(options)),
    runJson: (args, options) => runJson(args, inWorld(options)),
  };
}

/** `serve`, which ends with the test at the latest. */
export async function serveUntilFinished(dataDir: string, args: readonly string[] = []): Promise<Serving> {
  const server = await startServe(dataDir, args);
  onTestFinished(async () => {
    await server.stop('SIGKILL');
  });
  return server;
}

/** Runs with `--json`, which leaves exactly one document on stdout. */
export async function runJson(args: readonly string[], options?: RunOptions): Promise<JsonRun> {
  return readDocument(await run([...args, '--json'], options));
}

/** A file with text as its signature, which is enough without a key. */
export async function writeBundle(
  folder: string,
  name: string,
  bytes = randomBytes(10_000),
): Promise<string> {
  const file = join(folder, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
  await writeFile(`${file}.sig`, `signature of ${name}\n`);
  return file;
}

/** Arguments for a publish of one Linux file. */
export function publishLinux(version: string, file: string, ...more: string[]): string[] {
  return ['publish', '--version', version, '--slug', 'my-app', '--artifact', `linux-x86_64=${file}`, ...more];
}

/** Arguments for a check from a Linux machine. */
export function checkLinux(currentVersion: string, ...more: string[]): string[] {
  const platform = ['--target', 'linux', '--arch', 'x86_64'];
  return ['check', '--slug', 'my-app', ...platform, '--current-version', currentVersion, ...more];
}
