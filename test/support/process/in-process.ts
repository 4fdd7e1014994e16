import { onTestFinished } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import type { Finished, RunOptions } from './binary.ts';
import { type JsonRun, readDocument } from './json-run.ts';

/**
 * Runs a command to its end in this process: the same entry as the binary's, without the quarter of a second that a
 * Node process takes to start. One at a time, as it takes this process's output, environment and working directory.
 * What depends on signals, terminals and standard input needs `run` of `binary.ts`.
 */
export async function runInProcess(
  args: readonly string[],
  { env = {}, cwd }: Pick<RunOptions, 'env' | 'cwd'> = {},
): Promise<Finished> {
  const output = { stdout: '', stderr: '' };
  const restore = [captureWrites(output), changeEnvironment(env), changeFolder(cwd)];
  const undo = () => {
    for (const one of restore.splice(0).reverse()) one();
  };
  onTestFinished(undo); // where the command goes on past the end of its test
  try {
    const code = await main(['node', 'synckit-ota', ...args]);
    return { code, ...output };
  } finally {
    undo();
  }
}

/** Runs with `--json`, which leaves exactly one document on stdout. */
export async function runJsonInProcess(
  args: readonly string[],
  options?: Parameters<typeof runInProcess>[1],
): Promise<JsonRun> {
  return readDocument(await runInProcess([...args, '--json'], options));
}

function captureWrites(output: { stdout: string; stderr: string }): () => void {
  const restore = (['stdout', 'stderr'] as const).map((name) => {
    const { write } = process[name];
    const listeners = process[name].rawListeners('error');
    process[name].write = (text: Uint8Array | string) => {
      output[name] += String(text);
      return true;
    };
    return () => {
      process[name].write = write;
      const added = process[name].rawListeners('error').slice(listeners.length);
      for (const one of added) process[name].off('error', one as () => void);
    };
  });
  return () => {
    for (const one of restore) one();
  };
}

/** Settings in this process's environment are left out, as for the binary. */
function changeEnvironment(env: Readonly<Record<string, string>>): () => void {
  const before = { ...process.env };
  for (const name of Object.keys(before)) {
    if (/^(SYNCKIT_OTA_|GITHUB_|ACTIONS_ID_TOKEN_)/.test(name)) delete process.env[name];
  }
  Object.assign(process.env, env);
  return () => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  };
}

function changeFolder(cwd: string | undefined): () => void {
  const before = process.cwd();
  if (cwd !== undefined) process.chdir(cwd);
  return () => process.chdir(before);
}
