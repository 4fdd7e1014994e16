/** What was published for an app, according to its publisher. All times are of `performance.now()`. */
export interface Published {
  /** The version is `1.0.<number>`. */
  readonly number: number;
  readonly signature: string;
  readonly sha256: string;
  /** When the last response came that it needs to be offered. */
  acknowledgedAt?: number;
  /** From then on it may be missing. */
  deletionBegun?: boolean;
  deletionAcknowledged?: boolean;
}

/** What is known about one app, independently of its servers. */
export class Ledger {
  readonly slug: string;
  readonly app: { readonly id: string; readonly token: string };
  readonly #published = new Map<number, Published>();

  constructor(slug: string, app: { readonly id: string; readonly token: string }) {
    this.slug = slug;
    this.app = app;
  }

  /** Called before any of it is sent. */
  begin(published: Published): Published {
    this.#published.set(published.number, published);
    return published;
  }

  get(number: number): Published | undefined {
    return this.#published.get(number);
  }

  find(version: string): Published | undefined {
    return this.#published.get(Number(/^1\.0\.(\d+)$/.exec(version)?.[1]));
  }

  /** The highest that was acknowledged by then; -1 if none was. The highest is never deleted. */
  highestAt(time: number): number {
    const known = this.all.filter(({ acknowledgedAt = Number.POSITIVE_INFINITY }) => acknowledgedAt <= time);
    return Math.max(-1, ...known.map(({ number }) => number));
  }

  get all(): Published[] {
    return [...this.#published.values()];
  }

  /** What has to be there when nothing is in progress. */
  get live(): Published[] {
    return this.all.filter(({ acknowledgedAt, deletionBegun }) => acknowledgedAt && !deletionBegun);
  }
}

export function versionOf({ number }: Published): string {
  return `1.0.${number}`;
}
