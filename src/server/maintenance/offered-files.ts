import type { ArtifactStorage } from '../../storage/artifact-storage.ts';
import { isRemote } from '../../storage/remote-storage.ts';
import type { LostFiles, StoredFileSize } from './lost-files.ts';

/** How soon and how fast files that are being offered are compared with the storage. */
export interface ComparisonPace {
  /** How long a file that was compared is not compared again, in milliseconds. */
  readonly interval: number;
  /** Files of one process at most. */
  readonly perSecond: number;
}

/** A file on a disk takes less than 0.1 ms of one core: 2 % of it at most. */
export const DISK_PACE: ComparisonPace = { interval: 2000, perSecond: 200 };
/** A file in a bucket takes a request, which costs money: at most 2.6 million a month, about one dollar at Amazon. */
export const REMOTE_PACE: ComparisonPace = { interval: 60_000, perSecond: 1 };

/** Apps that wait to be compared. Of more, those that are asked for again come later. */
const MAX_WAITING = 10_000;
const FILES_AT_ONCE = 20;

export interface OfferedApp {
  /** What its offers lead to. */
  readonly files: readonly StoredFileSize[];
}

/**
 * Compares the files of offers that are being asked for with the storage, one after the other, so that a file that is lost
 * while the server runs is soon marked and not offered. The rest is left to the comparison of all files.
 */
export class OfferedFiles {
  readonly #lostFiles: Pick<LostFiles, 'find'>;
  readonly #pace: ComparisonPace;
  /** Asked for since they were compared last, the longest first. */
  readonly #asked = new Set<OfferedApp>();
  #isStopped = false;
  #endPause = () => {};
  #loop: Promise<void> = Promise.resolve();

  constructor(lostFiles: Pick<LostFiles, 'find'>, pace: ComparisonPace) {
    this.#lostFiles = lostFiles;
    this.#pace = pace;
  }

  /** Cheap enough for every request. */
  asked(app: OfferedApp): void {
    if (this.#asked.size < MAX_WAITING) this.#asked.add(app);
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#endPause();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await this.#pause(this.#pace.interval);
      const apps = [...this.#asked];
      this.#asked.clear();
      for (const { files } of apps) await this.#compare(files);
    }
  }

  async #compare(files: readonly StoredFileSize[]): Promise<void> {
    const { perSecond } = this.#pace;
    const atOnce = Math.min(FILES_AT_ONCE, perSecond);
    for (let first = 0; first < files.length && !this.#isStopped; first += atOnce) {
      const some = files.slice(first, first + atOnce);
      await this.#lostFiles.find(some).catch(() => {}); // it cannot be known now: maintenance reports why
      await this.#pause((1000 * some.length) / perSecond);
    }
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.#endPause = resolve;
      setTimeout(resolve, milliseconds).unref();
    });
  }
}

export function paceOf(storage: ArtifactStorage): ComparisonPace {
  return isRemote(storage) ? REMOTE_PACE : DISK_PACE;
}
