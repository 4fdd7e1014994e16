import { OtaError } from '../../errors.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import type { Publisher } from '../publisher.ts';
import { whileThere } from '../server-state/withdrawal.ts';
import type { UploadGrant } from './upload-grant.ts';

type Promised = UploadGrant & Required<Pick<UploadGrant, 'upload_id' | 'multipart'>>;

/** What was begun does not count any more, or not as this run knows it: asking again tells what does. */
export class UploadEnded extends Error {
  override readonly name = 'UploadEnded';
}

/** Where the parts of one file go: the server gives so many URLs at once, and fresh ones when it is asked again. */
export class PartUrls {
  readonly uploadId: string;
  readonly #multipartId: string;
  readonly #ask: () => Promise<Promised>;
  readonly #urls = new Map<number, string>();
  #done: ReadonlyMap<number, string> = new Map();
  #isWhole = false;
  #asking: Promise<void> | undefined;

  private constructor(first: Promised, ask: () => Promise<Promised>) {
    this.uploadId = first.upload_id;
    this.#multipartId = first.multipart.id;
    this.#ask = ask;
    this.#keep(first);
  }

  /** @param promised what was answered already, if something was */
  static async ask(
    { client, retry, appId }: Publisher,
    release: Pick<ReleaseResponse, 'id' | 'version'>,
    { body }: PlannedArtifact,
    promised?: UploadGrant,
  ): Promise<PartUrls> {
    const ask = async () =>
      inParts(await whileThere(release.version, () => client.createArtifact(appId, release.id, body)));
    return new PartUrls(promised ? inParts(promised) : await retry.run(ask), ask);
  }

  /** The ETags of the parts that the server knew to be there when it was asked last. */
  get done(): ReadonlyMap<number, string> {
    return this.#done;
  }

  /** Whether all parts are there, and put together already. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /**
   * Where a part goes; or its ETag, where another run has brought it meanwhile.
   * @throws OtaError as the request does; UploadEnded
   */
  async of(number: number): Promise<{ readonly url: string } | { readonly etag: string }> {
    for (let asked = 0; asked < 2; asked++) {
      const url = this.#urls.get(number);
      if (url !== undefined) return { url };
      const etag = this.#done.get(number);
      if (etag !== undefined) return { etag };
      await this.askAgain();
      if (this.#isWhole) throw new UploadEnded();
    }
    throw new OtaError('not_the_api', `the server gives no URL for part ${number}`);
  }

  /** A URL was refused. */
  forget(number: number, url: string): void {
    if (this.#urls.get(number) === url) this.#urls.delete(number);
  }

  /**
   * Learns what is there by now, and gets fresh URLs; who asks at the same time is answered together.
   * @throws OtaError as the request does; UploadEnded when another upload in parts was begun
   */
  askAgain(): Promise<void> {
    this.#asking ??= this.#refresh().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #refresh(): Promise<void> {
    const answer = await this.#ask();
    if (answer.upload_id !== this.uploadId || answer.multipart.id !== this.#multipartId) {
      throw new UploadEnded();
    }
    this.#keep(answer);
  }

  #keep({ multipart: { parts, done } }: Promised): void {
    for (const { number, url } of parts) this.#urls.set(number, url);
    this.#done = new Map(done.map(({ number, etag }) => [number, etag]));
    this.#isWhole = parts.length === 0 && done.length === 0;
  }
}

function inParts(answer: UploadGrant): Promised {
  const { upload_id, multipart } = answer;
  if (upload_id === undefined || multipart === undefined) {
    throw new OtaError('not_the_api', 'the server promises no upload in parts, though it offers them');
  }
  return { ...answer, upload_id, multipart };
}
