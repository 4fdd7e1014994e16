import { readdir } from 'node:fs/promises';
import { onTestFinished, vi } from 'vitest';
import { copyProject, layOutBuild } from '../tauri/tauri-project.ts';
import { type Running, type RunOptions, start } from './binary.ts';
import { tempFolder } from './temp-folder.ts';

/** `dev --json`, ready for apps. */
export interface DevSession {
  readonly dev: Running;
  /** Its document on stdout. */
  // biome-ignore lint/suspicious/noExplicitAny: tests state what they expect of it
  readonly document: any;
  /** Its lines about checks and downloads so far. */
  lines(): string[];
  /** Its files in the system's temporary folder. */
  temporaryFiles(): Promise<string[]>;
}

/** The folder of a Linux build of the sample project. */
export const BUNDLES = 'src-tauri/target/release/bundle';
export const APP_IMAGE = 'Note Taker_1.2.0_amd64.AppImage';

/** The sample project with an unsigned Linux build. */
export async function unsignedProject(config: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const project = await copyProject(config);
  await layOutBuild(project, 'linux', { updaterArtifacts: false });
  return project;
}

/** Environment for temporary files in a folder. */
export function temporaryFilesIn(folder: string): Readonly<Record<string, string>> {
  return { TMPDIR: folder };
}

/** Starts `dev`, which ends with the test at the latest. */
export function startDev(args: readonly string[], options: RunOptions = {}): Running {
  const dev = start(['dev', ...args], options);
  onTestFinished(async () => {
    dev.kill('SIGKILL');
    await dev.finished;
  });
  return dev;
}

/** Starts `dev --json` with temporary files of its own, and waits until it is ready. */
export async function startDevSession(
  args: readonly string[],
  options: RunOptions = {},
): Promise<DevSession> {
  const temporary = await tempFolder();
  const env = { ...options.env, ...temporaryFilesIn(temporary) };
  const dev = startDev(['--json', ...args], { ...options, env });
  const ended = dev.finished.then(({ code, stderr }) => {
    throw new Error(`dev ended with ${code} before it was ready: ${stderr}`);
  });
  ended.catch(() => {});
  const ready = vi.waitUntil(() => dev.output.stderr.includes('Press Ctrl-C to stop'), 20_000);
  await Promise.race([ready, ended]);
  return {
    dev,
    document: JSON.parse(dev.output.stdout),
    lines: () => [...dev.output.stderr.matchAll(/^\d\d:\d\d:\d\d {2}(.*)$/gm)].map(([, line = '']) => line),
    temporaryFiles: () => readdir(temporary),
  };
}
