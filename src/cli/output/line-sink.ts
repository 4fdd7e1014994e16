import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { errorCode } from '../../runtime/error-details.ts';

/** Bytes of lines that are kept until their reader goes on. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** How often it is tried again whether lines can be written, in milliseconds. */
const RETRY_INTERVAL_MS = 250;
/** How long the process waits at its end for a reader that is slow, in milliseconds. */
const MAX_END_WAIT_MS = 250;
const END_INTERVAL_MS = 5;

/** Makes the line, with its line break, that stands where lines are missing. @param reason an error code like `ENOSPC` */
export type DescribeLoss = (lost: number, reason: string) => string;

interface WaitingLine {
  bytes: Buffer;
  /** How many lines are lost with it: a report stands for all that it counts. */
  readonly lines: number;
  /** Its beginning is written: the rest has to follow before anything else. */
  torn: boolean;
}

/**
 * Writes lines to a file descriptor and never throws, waits or ends the process, whatever becomes of them. What cannot
 * be written is lost, what a slow reader does not take yet is kept up to a limit; once writing works again, one line says
 * how many were lost.
 */
export class LineSink {
  describeLoss: DescribeLoss = (lost, reason) => `${lost} lines could not be written here (${reason})\n`;
  readonly #fd: number;
  #waiting: WaitingLine[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #reason = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** @param text one line or several, with the line break at the end */
  write(text: string): void {
    this.#flush();
    this.#enqueue(text);
    this.#flush();
  }

  /** Tries for a moment to write what is still waiting. Call it when the process ends. */
  end(): void {
    const deadline = Date.now() + MAX_END_WAIT_MS;
    while (!this.#flush() && Date.now() < deadline) pause(END_INTERVAL_MS);
    clearTimeout(this.#timer);
  }

  #enqueue(text: string): void {
    const bytes = Buffer.from(text);
    const report = this.#lost > 0 ? Buffer.from(this.describeLoss(this.#lost, this.#reason)) : undefined;
    const waiting = this.#waitingBytes;
    if (waiting > 0 && waiting + bytes.length + (report?.length ?? 0) > MAX_WAITING_BYTES) {
      this.#lose(1, 'EAGAIN');
      return;
    }
    if (report !== undefined) this.#enqueueReport(report);
    this.#push(bytes, 1);
  }

  #enqueueReport(report: Buffer): void {
    this.#push(report, this.#lost);
    this.#lost = 0;
  }

  #push(bytes: Buffer, lines: number): void {
    this.#waiting.push({ bytes, lines, torn: false });
    this.#waitingBytes += bytes.length;
  }

  #lose(lines: number, reason: string): void {
    this.#lost += lines;
    this.#reason = reason;
  }

  /** @returns false when lines wait for their reader */
  #flush(): boolean {
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined) return true;
      const failure = this.#writeSome(first);
      if (failure === undefined) continue;
      const isBusy = failure === 'EAGAIN' || failure === 'EWOULDBLOCK';
      if (!isBusy) this.#dropWaiting(failure);
      this.#retryLater();
      return !isBusy;
    }
  }

  /** @returns the error code when nothing was written */
  #writeSome(line: WaitingLine): string | undefined {
    try {
      const written = writeSync(this.#fd, line.bytes);
      if (written === 0) return 'EAGAIN';
      this.#waitingBytes -= written;
      line.bytes = line.bytes.subarray(written);
      line.torn = true;
      if (line.bytes.length === 0) this.#waiting.shift();
      return undefined;
    } catch (error) {
      return errorCode(error) ?? 'EIO';
    }
  }

  #dropWaiting(reason: string): void {
    for (const { lines, torn } of this.#waiting) if (!torn) this.#lose(lines, reason);
    this.#waiting = this.#waiting.filter(({ torn }) => torn);
    this.#waitingBytes = this.#waiting.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  #retryLater(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
      if (this.#waiting.length === 0 && this.#lost > 0) {
        this.#enqueueReport(Buffer.from(this.describeLoss(this.#lost, this.#reason)));
      }
      this.#flush();
    }, RETRY_INTERVAL_MS).unref();
  }
}

const sinks: Partial<Record<'stdout' | 'stderr', LineSink>> = {};

/** The one sink of an output of this process: two of them would write into each other's lines. */
export function lineSink(name: 'stdout' | 'stderr'): LineSink {
  const sink = sinks[name] ?? new LineSink(nonBlockingDescriptor(name));
  if (sinks[name] === undefined) process.once('exit', () => sink.end());
  sinks[name] = sink;
  return sink;
}

/**
 * A file descriptor of this process's output that is never waited for. A pipe or terminal may be shared with programs
 * that wait for it, so it is opened a second time where the system allows that.
 */
function nonBlockingDescriptor(name: 'stdout' | 'stderr'): number {
  const { fd } = process[name]; // Node sets a pipe to non-blocking when it is first used
  try {
    if (process.platform !== 'linux' || !(fstatSync(fd).isFIFO() || isatty(fd))) return fd;
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return fd; // such as a pipe without a reader
  }
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
