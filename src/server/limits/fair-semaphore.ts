import type { Permits } from './server-limits.ts';

interface Holder {
  held: number;
  readonly waiting: Set<() => void>;
}

/** Who has no permit, and why: there was none for this holder, or for anyone. */
export type Refusal = 'holder_has_all_its_permits' | 'all_permits_are_held';

/** Limits how many permits are held at once, in all and by each holder. Those that wait are served holder by holder. */
export class FairSemaphore {
  readonly #permits: Permits;
  readonly #holders = new Map<string, Holder>();
  #held = 0;

  constructor(permits: Permits) {
    this.#permits = permits;
  }

  /**
   * @param giveUp called if it has to wait: what ends the wait
   * @returns the function that releases the permit, to call once
   */
  async acquire(name: string, giveUp: () => AbortSignal): Promise<(() => void) | Refusal> {
    const holder = this.#holders.get(name) ?? { held: 0, waiting: new Set() };
    this.#holders.set(name, holder);
    if (this.#hasPermitFor(holder)) this.#take(holder);
    else if (holder.waiting.size >= this.#permits.waiting || !(await this.#wait(holder, giveUp()))) {
      const isOwnLimit = holder.held >= this.#permits.each;
      this.#forgetIfUnused(name, holder);
      return isOwnLimit ? 'holder_has_all_its_permits' : 'all_permits_are_held';
    }
    return () => {
      holder.held -= 1;
      this.#held -= 1;
      this.#forgetIfUnused(name, holder);
      this.#passOn();
    };
  }

  #hasPermitFor(holder: Holder): boolean {
    return this.#held < this.#permits.total && holder.held < this.#permits.each;
  }

  #take(holder: Holder): void {
    holder.held += 1;
    this.#held += 1;
  }

  #wait(holder: Holder, giveUp: AbortSignal): Promise<boolean> {
    if (giveUp.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (hasPermit: boolean) => {
        holder.waiting.delete(onTurn);
        giveUp.removeEventListener('abort', onGivenUp);
        resolve(hasPermit);
      };
      const onTurn = () => settle(true);
      const onGivenUp = () => settle(false);
      holder.waiting.add(onTurn);
      giveUp.addEventListener('abort', onGivenUp);
    });
  }

  /** To the holder that waited longest for one since its last. */
  #passOn(): void {
    for (const [name, holder] of this.#holders) {
      const [onTurn] = holder.waiting;
      if (onTurn === undefined || !this.#hasPermitFor(holder)) continue;
      this.#holders.delete(name);
      this.#holders.set(name, holder);
      this.#take(holder);
      onTurn();
      return;
    }
  }

  #forgetIfUnused(name: string, { held, waiting }: Holder): void {
    if (held === 0 && waiting.size === 0) this.#holders.delete(name);
  }
}
