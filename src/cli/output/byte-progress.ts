import type { Ora } from 'ora';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import { formatSpeed } from '../format.ts';
import type { Output } from './output.ts';
import { createSpinner } from './spinner.ts';

/** Shows on a terminal how many bytes were handled so far. */
export class ByteProgress {
  readonly #spinner: Ora | undefined;
  readonly #verb: string;
  readonly #startedAt = Date.now();
  #bytes = 0;
  #total: number | undefined;

  /** @param verb like `Copied` */
  constructor(output: Output, verb: string) {
    this.#verb = verb;
    this.#spinner = createSpinner(output)?.start();
    this.onBytes(0);
  }

  readonly onBytes = (bytes: number): void => {
    this.#bytes += bytes;
    if (this.#spinner === undefined) return;
    const speed = formatSpeed(this.#bytes, Date.now() - this.#startedAt);
    const total = this.#total === undefined ? '' : ` of ${formatBytes(this.#total)}`;
    this.#spinner.text = `${this.#verb} ${formatBytes(this.#bytes)}${total}  ${speed}`;
  };

  readonly onTotal = (bytes: number): void => {
    this.#total = bytes;
    this.onBytes(0);
  };

  /** Removes the line. */
  stop(): void {
    this.#spinner?.stop();
  }
}
