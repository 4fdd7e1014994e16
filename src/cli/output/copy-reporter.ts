import type { Ora } from 'ora';
import type { CopyPlan } from '../../copy/copy-store.ts';
import type { CopyProgress } from '../../copy/import-files.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import { formatDuration, formatSpeed } from '../format.ts';
import type { Output } from './output.ts';
import { createSpinner } from './spinner.ts';

/** Shows the progress of a copy: one redrawn line on a terminal, a line for each file with `--verbose`. */
export class CopyReporter implements CopyProgress {
  readonly #output: Output;
  readonly #plan: CopyPlan;
  readonly #spinner: Ora | undefined;
  readonly #startedAt = Date.now();
  #bytes = 0;
  /** Files that had to be sent, and their bytes. */
  readonly sent = { files: 0, bytes: 0 };

  constructor(output: Output, plan: CopyPlan) {
    this.#output = output;
    this.#plan = plan;
    this.#spinner = createSpinner(output)?.start();
    this.#redraw();
  }

  readonly onBytes = (bytes: number): void => {
    this.#bytes += bytes;
    this.#redraw();
  };

  readonly onFile = (name: string, outcome: 'sent' | 'already_there', bytes: number): void => {
    if (outcome === 'sent') {
      this.sent.files++;
      this.sent.bytes += bytes;
    }
    if (!this.#output.verbose) return;
    this.#spinner?.clear();
    const done = outcome === 'sent' ? 'sent and read back' : 'already there';
    this.#output.note(`${name}: ${done} (${formatBytes(bytes)})`);
  };

  /** Removes the redrawn line. */
  stop(): void {
    this.#spinner?.stop();
  }

  #redraw(): void {
    if (this.#spinner === undefined) return;
    const { bytes: all } = this.#plan;
    const elapsed = Date.now() - this.#startedAt;
    const left = this.#bytes > 0 ? formatDuration((elapsed * (all - this.#bytes)) / this.#bytes) : '-:--';
    const percent = Math.floor((100 * this.#bytes) / Math.max(1, all));
    this.#spinner.text = `${percent}%  ${formatBytes(this.#bytes)} of ${formatBytes(all)}  ${formatSpeed(this.#bytes, elapsed)}  ${left} left`;
  }
}
