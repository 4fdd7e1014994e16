/** Bits of a hash that choose a register. The standard error of a count is 1.04 / √REGISTERS: 0.6 %. */
const PRECISION = 15;
const REGISTERS = 2 ** PRECISION;
/** The highest value of a register: a register counts the leading zeros of 32 further bits, and one. */
const MAX_RANK = 33;
/** A sketch with fewer entries is kept as a map, which takes less memory. */
const MAX_SPARSE = 800;

/**
 * How many different things were added, without keeping them: 32 KiB at most, whatever their number. Sketches of the
 * same hash can be merged. Flajolet et al., "HyperLogLog" (2007), with hashes of 47 bits; the estimate is that of Ertl,
 * "New cardinality estimation algorithms for HyperLogLog sketches" (2017), section 3, which is unbiased from 0 on.
 */
export class HyperLogLog {
  #sparse: Map<number, number> | undefined = new Map();
  #registers: Uint8Array = new Uint8Array(0);

  /** @param index 32 random bits of the hash @param rest 32 others */
  add(index: number, rest: number): void {
    this.#raise(index >>> (32 - PRECISION), Math.clz32(rest) + 1);
  }

  /** Whether adding it changes anything. */
  wouldRaise(index: number, rest: number): boolean {
    const register = index >>> (32 - PRECISION);
    const before = this.#sparse === undefined ? this.#registers[register] : this.#sparse.get(register);
    return (before ?? 0) <= Math.clz32(rest);
  }

  /** @returns whether the other one has added anything */
  merge(other: HyperLogLog): boolean {
    let isChanged = false;
    other.#forEach((rank, index) => {
      isChanged = this.#raise(index, rank) || isChanged;
    });
    return isChanged;
  }

  /**
   * How many of the things that were added here another sketch lacks. Where others have filled the
   * register of a thing there, nothing can be said: `known` is of how many something can, which are a random sample.
   */
  missingIn(other: HyperLogLog): { readonly known: number; readonly missing: number } {
    const isFree = other.#freeShares();
    let [known, missing] = [0, 0];
    this.#forEach((rank, index) => {
      known += isFree[rank] ?? 0;
      if (other.#rankOf(index) < rank) missing += 1;
    });
    return { known, missing };
  }

  /** The share of registers with a lower rank, by rank. */
  #freeShares(): number[] {
    const lower = new Array<number>(MAX_RANK + 1).fill(REGISTERS);
    this.#forEach((rank) => {
      for (let below = 1; below <= rank; below++) lower[below] = (lower[below] ?? 0) - 1;
    });
    return lower.map((registers) => registers / REGISTERS);
  }

  #rankOf(index: number): number {
    return (this.#sparse === undefined ? this.#registers[index] : this.#sparse.get(index)) ?? 0;
  }

  estimate(): number {
    const counts = new Array<number>(MAX_RANK + 1).fill(0);
    this.#forEach((rank) => {
      counts[rank] = (counts[rank] ?? 0) + 1;
    });
    const empty = REGISTERS - counts.reduce((sum, count) => sum + count, 0);
    let z = REGISTERS * tau(1 - (counts[MAX_RANK] ?? 0) / REGISTERS);
    for (let rank = MAX_RANK - 1; rank >= 1; rank--) z = (z + (counts[rank] ?? 0)) / 2;
    z += REGISTERS * sigma(empty / REGISTERS);
    return REGISTERS ** 2 / (2 * Math.LN2 * z);
  }

  /** Bytes of memory, about. */
  get size(): number {
    return this.#registers.length + 40 * (this.#sparse?.size ?? 0);
  }

  /** One byte for each register. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(REGISTERS);
    this.#forEach((rank, index) => {
      bytes[index] = rank;
    });
    return bytes;
  }

  /** What is no rank counts as none. */
  static fromBytes(bytes: Uint8Array): HyperLogLog {
    const sketch = new HyperLogLog();
    for (let index = 0; index < Math.min(REGISTERS, bytes.length); index++) {
      const rank = bytes[index] ?? 0;
      if (rank > 0 && rank <= MAX_RANK) sketch.#raise(index, rank);
    }
    return sketch;
  }

  #raise(index: number, rank: number): boolean {
    const sparse = this.#sparse;
    if (sparse === undefined) {
      if ((this.#registers[index] ?? 0) >= rank) return false;
      this.#registers[index] = rank;
      return true;
    }
    if ((sparse.get(index) ?? 0) >= rank) return false;
    sparse.set(index, rank);
    if (sparse.size > MAX_SPARSE) {
      this.#registers = this.toBytes();
      this.#sparse = undefined;
    }
    return true;
  }

  /** Not an iterator: it runs for each sketch that is written, and takes a tenth of the time. */
  #forEach(visit: (rank: number, index: number) => void): void {
    this.#sparse?.forEach(visit);
    for (let index = 0; index < this.#registers.length; index++) {
      const rank = this.#registers[index] ?? 0;
      if (rank > 0) visit(rank, index);
    }
  }
}

function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY;
  let sum = share;
  for (let x = share ** 2, weight = 1, before = -1; sum !== before; x *= x, weight *= 2) {
    before = sum;
    sum += x * weight;
  }
  return sum;
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let sum = 1 - share;
  for (let x = Math.sqrt(share), weight = 0.5, before = -1; sum !== before; x = Math.sqrt(x), weight /= 2) {
    before = sum;
    sum -= (1 - x) ** 2 * weight;
  }
  return sum / 3;
}
