import { OtaError } from '../../errors.ts';
import { platformName } from '../../protocol/platform.ts';
import type { PublishEvent } from '../../publish/publish-event.ts';

const CONTINUE = 'Run the same command again to continue';
const SKIPPED = 'complete files are skipped, and of a large file the parts that have arrived';

/** What a publish has left on the server by now, for those who interrupt it. */
export class KeptSoFar {
  readonly #complete = new Set<string>();
  #version: string | undefined;
  #isLive = false;
  #slug: string | undefined;

  follow(event: PublishEvent): void {
    const { type } = event;
    if (type === 'slug_set') this.#slug = event.slug;
    else if (type === 'skipped' || type === 'uploaded') this.#complete.add(platformName(event.artifact));
    else if (type === 'rolled_back') this.#version = undefined;
    else if (type === 'release_created' || type === 'release_found' || type === 'went_live') {
      this.#version = event.release.version;
      this.#isLive = event.release.status !== 'draft';
    }
  }

  /** The error that says it. Requests that were under way may have added something. */
  toError(cause: unknown): OtaError {
    return new OtaError('interrupted', 'interrupted', { hint: this.#hint(), cause });
  }

  #hint(): string {
    if (this.#version !== undefined) return this.#hintOf(this.#version);
    if (this.#slug !== undefined) return `So far the slug ${this.#slug} is registered. ${CONTINUE}.`;
    if (this.#complete.size > 0) return `So far the file is uploaded. ${CONTINUE} and to verify it.`;
    return `${CONTINUE}.`;
  }

  #hintOf(version: string): string {
    if (this.#isLive)
      return `${version} is live, with ${this.#files} of this command. ${CONTINUE} and to verify it.`;
    return `So far ${version} is a draft with ${this.#files} of this command. ${CONTINUE}: ${SKIPPED}.`;
  }

  get #files(): string {
    return this.#complete.size === 1 ? '1 file' : `${this.#complete.size} files`;
  }
}
