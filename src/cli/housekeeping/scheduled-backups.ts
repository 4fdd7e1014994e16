import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import type { Logger } from 'pino';
import { requireApart } from '../../backup/backup-folder.ts';
import { OtaError } from '../../errors.ts';
import { EXIT } from '../exit-codes.ts';
import {
  finishGeneration,
  listGenerations,
  prepareGeneration,
  pruneGenerations,
} from './backup-generations.ts';

/** How often it is checked whether one is due, in milliseconds: a timer of a day would not see that the clock was set. */
const CHECK_INTERVAL_MS = 30_000;
const RETRY_AFTER_MS = 60 * 60 * 1000;
/** Below the server's, as no one waits for it. */
const PRIORITY = 10;
/** Of its output, for the log. */
const MAX_OUTPUT = 4000;

export interface BackupSchedule {
  /** The folder of all backups. */
  readonly folder: string;
  readonly everyMs: number;
  /** How many are kept. */
  readonly keep: number;
}

export interface ScheduledBackupsOptions extends BackupSchedule {
  readonly dataDir: string;
  readonly logger: Logger;
}

/** Runs `synckit-ota backup` when it is time, as a process of its own: the event loop of the server stays free. */
export class ScheduledBackups {
  readonly #options: ScheduledBackupsOptions;
  readonly #timer: NodeJS.Timeout;
  #notBefore = 0;
  #child: ChildProcess | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  private constructor(options: ScheduledBackupsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#check(), CHECK_INTERVAL_MS).unref();
    this.#check();
  }

  /** @throws OtaError `usage` for a folder inside or around the store */
  static async start(options: ScheduledBackupsOptions): Promise<ScheduledBackups> {
    await requireApart(options.folder, options.dataDir);
    return new ScheduledBackups(options);
  }

  /** Interrupts a backup that is running: the next one goes on with it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#child?.kill('SIGTERM');
    await this.#running;
  }

  #check(): void {
    if (this.#running !== undefined || performance.now() < this.#notBefore || !this.#isDue()) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  #isDue(): boolean {
    const [newest] = listGenerations(this.#options.folder);
    if (newest === undefined) return true;
    return Math.abs(Date.now() - newest.madeAt.getTime()) >= this.#options.everyMs; // one from the future is none
  }

  async #run(): Promise<void> {
    const { folder, keep, logger } = this.#options;
    const startedAt = performance.now();
    try {
      const { code, output } = await this.#backUp(await prepareGeneration(folder));
      if (this.#isStopped) return;
      if (code !== EXIT.done && code !== EXIT.verificationFailed) {
        throw new OtaError('store_unavailable', `the backup ended with ${code}: ${output}`);
      }
      const backup = await finishGeneration(folder, new Date());
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      if (code === EXIT.done) logger.info({ backup, seconds }, 'backup made');
      else
        logger.error({ backup, seconds, output }, 'backup made, without files that are damaged in the store');
      await pruneGenerations(folder, keep);
    } catch (err) {
      this.#notBefore = performance.now() + RETRY_AFTER_MS;
      logger.error({ err, folder }, 'the backup failed; trying again in an hour');
    }
  }

  async #backUp(target: string): Promise<{ readonly code: number | null; readonly output: string }> {
    const args = ['backup', target, '--data-dir', this.#options.dataDir, '--quiet'];
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-MAX_OUTPUT);
      });
    }
    const closed = once(child, 'close');
    if (child.pid !== undefined) setPriority(child.pid, PRIORITY);
    const [code] = await closed;
    this.#child = undefined;
    return { code, output: output.trim() };
  }
}
