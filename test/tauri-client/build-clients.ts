import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { canBuildTauri } from '../support/tauri/cargo.ts';
import {
  CARGO_ENVIRONMENT,
  KIND_WORDS,
  type MarkedKind,
  manifestOf,
  PLUGINS,
  type Plugin,
  programOf,
} from './plugins.ts';

/** What Tauri's CLI looks for in a program that it bundles, and overwrites (`tauri::utils::platform::bundle_type`). */
const MARKER = '__TAURI_BUNDLE_TYPE_VAR_';

/** Called by vitest before the clients' tests. */
export async function setup(): Promise<void> {
  if (!canBuildTauri()) return;
  for (const plugin of PLUGINS) {
    await build(plugin);
    if (!plugin.knowsItsKind) continue;
    for (const kind of Object.keys(KIND_WORDS) as MarkedKind[]) await mark(plugin, kind);
  }
}

async function build(plugin: Plugin): Promise<void> {
  console.log(`Building the client on ${plugin.name}, which takes some minutes the first time.`);
  const args = ['build', '--release', '--locked', '--quiet', '--manifest-path', manifestOf(plugin)];
  const cargo = spawn('cargo', args, { env: CARGO_ENVIRONMENT, stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(cargo, 'exit');
  if (code !== 0) throw new Error(`the client on ${plugin.name} could not be built (exit ${code})`);
}

/** A copy that knows which kind of bundle it is in. */
async function mark(plugin: Plugin, kind: MarkedKind): Promise<void> {
  const bytes = await readFile(programOf(plugin));
  const at = bytes.indexOf(`${MARKER}UNK`);
  if (at === -1) throw new Error(`the client on ${plugin.name} has no place for its kind of bundle`);
  bytes.write(MARKER + KIND_WORDS[kind], at, 'latin1');
  await rm(programOf(plugin, kind), { force: true });
  await writeFile(programOf(plugin, kind), bytes, { mode: 0o755 });
}
