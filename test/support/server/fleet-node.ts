import { setTimeout as sleep } from 'node:timers/promises';
import { type RunOptions, type Serving, startServe } from '../process/binary.ts';

/** How long a node keeps trying to start without its dependencies, in milliseconds. */
const START_PATIENCE_MS = 60_000;
/** Like systemd's `RestartSec`, but shorter. */
const START_AGAIN_MS = 200;

/** One `serve` of several, always at the same address, to kill and to pause. */
export class FleetNode {
  readonly port: number;
  readonly url: string;
  readonly #args: readonly string[];
  readonly #options: RunOptions;
  #serving: Serving | undefined;
  #state: 'up' | 'paused' | 'down' = 'down';
  /** When it was paused and resumed; infinity while it is paused. By `performance.now()`, as all times here. */
  readonly pauses: { readonly from: number; until: number }[] = [];
  /** When it last started or resumed; undefined while it is not running. */
  upSince: number | undefined;

  /** @param args options of `serve` besides the port */
  constructor(port: number, args: readonly string[], options: RunOptions) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#args = args;
    this.#options = options;
  }

  get state() {
    return this.#state;
  }

  /** The log since its last start. */
  logs(): Record<string, unknown>[] {
    return this.#serving?.logs() ?? [];
  }

  /** Starts it, repeatedly until it listens, as a service manager does. */
  async start(): Promise<void> {
    for (const deadline = performance.now() + START_PATIENCE_MS; ; await sleep(START_AGAIN_MS)) {
      this.upSince = performance.now();
      try {
        const args = ['--port', String(this.port), ...this.#args];
        this.#serving = await startServe('/nowhere', args, this.#options);
        this.#state = 'up';
        return;
      } catch (error) {
        if (performance.now() > deadline) throw error;
      }
    }
  }

  async kill(): Promise<void> {
    this.#leave('down');
    await this.#serving?.stop('SIGKILL');
  }

  /** Stops it as an operator does. @returns its exit code */
  async stop(): Promise<number | null | undefined> {
    this.#leave('down');
    return this.#serving?.stop('SIGTERM');
  }

  pause(): void {
    this.#leave('paused');
    this.pauses.push({ from: performance.now(), until: Number.POSITIVE_INFINITY });
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.upSince = performance.now();
    const pause = this.pauses.at(-1);
    if (pause !== undefined) pause.until = this.upSince;
    this.#signal('SIGCONT');
    this.#state = 'up';
  }

  #leave(state: 'paused' | 'down'): void {
    this.upSince = undefined;
    this.#state = state;
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#serving === undefined) throw new Error('it was never started');
    process.kill(this.#serving.pid, signal);
  }
}
