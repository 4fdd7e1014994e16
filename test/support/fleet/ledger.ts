/** What was published of an app, as whoever published it was told. All times are of `performance.now()`. */
export interface Published {
  /** The version is `1.0.<number>`. */
  readonly number: number;
  readonly signature: string;
  readonly sha256: string;
  /** When the last answer came that it needs to be offered. */
  acknowledgedAt?: number;
  /** From then on it may be gone. */
  deletionBegun?: boolean;
  deletionAcknowledged?: boolean;
}

/** The truth about one app, beside whatever its servers say. */
export class Ledger {
  readonly slug: string;
  readonly app: { readonly id: string; readonly token: string };
  readonly #published = new Map<number, Published>();

  constructor(slug: string, app: { readonly id: string; readonly token: string }) {
    this.slug = slug;
    this.app = app;
  }

  /** To be called before anything of it is sent. */
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

  /** The highest that was acknowledged by then; -1 when none was. The highest is never deleted. */
  highestAt(time: number): number {
    const known = this.all.filter(({ acknowledgedAt = Number.POSITIVE_INFINITY }) => acknowledgedAt <= time);
    return Math.max(-1, ...known.map(({ number }) => number));
  }

  get all(): Published[] {
    return [...this.#published.values()];
  }

  /** What has to be there when nothing is under way. */
  get live(): Published[] {
    return this.all.filter(({ acknowledgedAt, deletionBegun }) => acknowledgedAt && !deletionBegun);
  }
}

export function versionOf({ number }: Published): string {
  return `1.0.${number}`;
}
