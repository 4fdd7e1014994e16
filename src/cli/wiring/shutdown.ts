import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { databaseFailure } from '../../database/database-error.ts';
import { OtaError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { EXIT, exitCodeOf } from '../exit-codes.ts';

/** How often it is checked that the processes above are still there, in milliseconds. */
const PARENT_CHECK_MS = 1000;
/** npm, and the shell that it runs a command with. */
const ANCESTORS = 2;

export interface Shutdown {
  /** Aborted when the process is to stop. */
  readonly signal: AbortSignal;
  /** Stops watching. */
  release(): void;
}

/**
 * When a command that runs until it is stopped has to stop: at SIGINT and SIGTERM, when its terminal is closed (SIGHUP),
 * and when npm, which started it, is gone: a killed `npx` does not stop what it runs.
 */
export function watchForShutdown({ signal, environment }: Pick<Context, 'signal' | 'environment'>): Shutdown {
  const shutdown = new AbortController();
  const abort = () => shutdown.abort();
  process.on('SIGHUP', abort);
  const timer = environment.npm_command === undefined ? undefined : watchAncestors(abort);
  return {
    signal: AbortSignal.any([signal, shutdown.signal]),
    release: () => {
      process.off('SIGHUP', abort);
      clearInterval(timer);
    },
  };
}

/** Stops a server. The process exits if that fails: the signal to stop is not the reason to report then. */
export async function stopOrExit(server: { stop(): Promise<void> }, logger: Logger): Promise<void> {
  try {
    await server.stop();
  } catch (error) {
    const err = databaseFailure(error) ?? error;
    logger.fatal({ err }, 'stopping failed');
    process.exit(err instanceof OtaError ? exitCodeOf(err.code) : EXIT.bug);
  }
}

function watchAncestors(onLost: () => void): NodeJS.Timeout {
  const before = ancestors().join();
  const check = () => ancestors().join() !== before && onLost();
  return setInterval(check, PARENT_CHECK_MS).unref();
}

/** The ids of the processes above this one, as far as the system shows them. */
function ancestors(): number[] {
  const ids = [process.ppid];
  while (ids.length < ANCESTORS) {
    const parent = Number(/^PPid:\s+(\d+)$/m.exec(statusOf(ids.at(-1) ?? 0))?.[1] ?? 0);
    ids.push(parent);
  }
  return ids;
}

/** `/proc/<pid>/status`, proc(5); empty where there is none. */
function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}
