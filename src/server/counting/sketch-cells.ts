import type { CellName } from '../../database/queries/counts.ts';
import { HyperLogLog } from '../../protocol/stats/hyperloglog.ts';

/** Cells that one app may have in memory, and all of them: who invents versions fills no more than that. */
const MAX_OF_APP = 2000;
const MAX_CELLS = 20_000;
/** Bytes of all sketches. */
const MAX_BYTES = 64 * 1024 * 1024;

/** What is counted of one app, in one period, by one key: clients of a version and platform. */
export interface Cell extends CellName {
  readonly sketch: HyperLogLog;
  /** Whether it has counted what is not in the store. */
  isDirty: boolean;
}

/** The cells of this process. What is beyond their bounds is not counted. */
export class SketchCells {
  readonly #cells = new Map<string, Cell>();
  readonly #ofApp = new Map<string, number>();
  #bytes = 0;
  /** Raised when cells were forgotten: those that were found before are found anew. */
  epoch = 0;
  /** Whether something was not counted since this was set back. */
  isFull = false;

  find(name: CellName): Cell | undefined {
    const { appId, period, kind, version, platform, outcome = '', generation } = name;
    const key = [appId, period, kind, version, platform, outcome, generation].join('\n');
    const known = this.#cells.get(key);
    if (known !== undefined) return known;
    const ofApp = this.#ofApp.get(name.appId) ?? 0;
    if (ofApp >= MAX_OF_APP || this.#cells.size >= MAX_CELLS) {
      this.isFull = true;
      return undefined;
    }
    const cell = { ...name, sketch: new HyperLogLog(), isDirty: false };
    this.#cells.set(key, cell);
    this.#ofApp.set(name.appId, ofApp + 1);
    return cell;
  }

  add(cell: Cell, index: number, rest: number): void {
    const { sketch } = cell;
    if (!sketch.wouldRaise(index, rest)) return; // nearly always
    if (this.#bytes > MAX_BYTES) {
      this.isFull = true;
      return;
    }
    this.#bytes -= sketch.size;
    sketch.add(index, rest);
    this.#bytes += sketch.size;
    cell.isDirty = true;
  }

  get dirty(): readonly Cell[] {
    return [...this.#cells.values()].filter(({ isDirty }) => isDirty);
  }

  /** Forgets cells, and counts what the others take. */
  keep(isKept: (cell: Cell) => boolean): void {
    this.epoch += 1;
    this.#bytes = 0;
    this.#ofApp.clear();
    for (const [key, cell] of this.#cells) {
      if (!isKept(cell)) {
        this.#cells.delete(key);
        continue;
      }
      this.#bytes += cell.sketch.size;
      this.#ofApp.set(cell.appId, (this.#ofApp.get(cell.appId) ?? 0) + 1);
    }
  }

  get isCrowded(): boolean {
    return this.#bytes > MAX_BYTES / 2 || this.#cells.size > MAX_CELLS / 2 || this.isFull;
  }
}
