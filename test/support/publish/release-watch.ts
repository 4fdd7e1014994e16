import { namesPlatform, type Platform, platformName } from '../../../src/protocol/platform.ts';
import type { PublishWorld, Way } from './publish-world.ts';

export function namesOf(platforms: readonly Platform[]): string[] {
  return platforms.map(platformName).toSorted();
}

/** Watches one release, at the end of every request of a job. */
export class ReleaseWatch {
  readonly #world: PublishWorld;
  readonly #expected: readonly string[];
  readonly #all: readonly Platform[];
  readonly #version: string;
  /** Moments when it was live but incomplete, or complete but not live. */
  readonly wrong: string[] = [];

  constructor(world: PublishWorld, expected: readonly string[], all: readonly Platform[], version = '1.2.0') {
    this.#world = world;
    this.#expected = expected;
    this.#all = all;
    this.#version = version;
  }

  on<T extends Way>(way: T): T {
    const { after } = way.transport;
    way.transport.after = async (request) => {
      await this.look();
      await after(request);
    };
    return way;
  }

  async look(): Promise<void> {
    const { status, complete } = await this.#state();
    const isThere = (name: string) => complete.some((platform) => namesPlatform(name, platform));
    const live = status === 'published';
    if (live && !this.#expected.every(isThere)) this.wrong.push(`live with ${namesOf(complete)} only`);
    if (live && complete.length < this.#all.length)
      this.wrong.push(`live without a kind: ${namesOf(complete)}`);
    if (!live && complete.length === this.#all.length)
      this.wrong.push('everything is there, and it is not live');
  }

  /** The release and its files at one moment. */
  #state() {
    return this.#world.server.database.queries.transaction().execute(async (transaction) => {
      const release = await transaction
        .selectFrom('releases')
        .selectAll()
        .where('version', '=', this.#version)
        .executeTakeFirst();
      const rows = await transaction
        .selectFrom('artifacts')
        .select(['target', 'arch', 'bundle_type'])
        .where('release_id', '=', release?.id ?? '')
        .where('status', '=', 'complete')
        .execute();
      const complete = rows.map(({ bundle_type, ...platform }) => ({
        ...platform,
        ...(bundle_type !== '' && { bundleType: bundle_type }),
      }));
      return { status: release?.status, complete };
    });
  }
}
