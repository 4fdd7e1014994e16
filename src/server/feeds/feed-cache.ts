import { LRUCache } from 'lru-cache';

/** Memory for the feeds of all apps. */
const MAX_BYTES = 16 * 1024 * 1024;
const OVERHEAD = 500;

interface Rendered {
  /** Stands for the offers of the app that it was rendered from. */
  readonly state: object;
  readonly body: string;
}

export interface FeedKey {
  readonly state: object;
  /** Identifies the feed among those of all apps. */
  readonly name: string;
}

/** Feeds in memory, rendered again when the offers of their app are others: once however many ask. */
export class FeedCache {
  readonly #rendered = new LRUCache<string, Rendered>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ body }, name) => OVERHEAD + name.length + Buffer.byteLength(body),
  });
  readonly #running = new Map<string, { readonly state: object; readonly body: Promise<string> }>();

  /** @throws what `render` throws, to all that wait for it */
  async get({ state, name }: FeedKey, render: () => Promise<string>): Promise<string> {
    const known = this.#rendered.get(name);
    if (known?.state === state) return known.body;
    const running = this.#running.get(name);
    if (running?.state === state) return running.body;
    const body = render();
    this.#running.set(name, { state, body });
    try {
      this.#rendered.set(name, { state, body: await body });
      return await body;
    } finally {
      if (this.#running.get(name)?.body === body) this.#running.delete(name);
    }
  }
}
