import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReleaseResponse } from '../../../src/protocol/messages.ts';
import { sha256Of } from '../tauri/local-file.ts';
import { type Ledger, type Published, versionOf } from './ledger.ts';

/** The timeout for one request, in milliseconds: longer than nginx's. */
const TIMEOUT_MS = 70_000;
const TRY_AGAIN_MS = 200;
/** The timeout for one step, in milliseconds, whatever happens to the servers. */
const PATIENCE_MS = 180_000;

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: as the API documents it
  readonly document: any;
}

/** Publishes and deletes with plain requests, and retries those that fail. */
export class PlainPublisher {
  readonly #root: string;
  readonly #ledger: Ledger;
  /** The number of responses that acknowledged something. */
  acknowledged = 0;
  #last = -1;

  constructor(server: string, ledger: Ledger) {
    this.#root = `${server}/api/sync/ota/apps/${ledger.app.id}`;
    this.#ledger = ledger;
  }

  /** Publishes the next version, and sometimes deletes an earlier one. */
  async goOn(): Promise<void> {
    const bytes = randomBytes(randomInt(1000, 60_000));
    const number = ++this.#last;
    const published = { number, signature: `of ${number}`, sha256: sha256Of(bytes) };
    await this.#publish(this.#ledger.begin(published), bytes);
    const older = this.#ledger.get(number - 5);
    if (older !== undefined && older.number % 3 !== 0) await this.#delete(older);
  }

  async #publish(published: Published, bytes: Buffer): Promise<void> {
    const { signature, sha256 } = published;
    const releaseId = await this.#createRelease(versionOf(published));
    const path = `/releases/${releaseId}/artifacts`;
    const fields = { target: 'linux', arch: 'x86_64', file_size: bytes.length, signature, sha256 };
    const { upload_url, upload_id } = (await this.#until(201, 'POST', path, fields)).document;
    await eventually(async () => {
      const put = await fetch(upload_url, { method: 'PUT', body: bytes });
      return put.ok || `the store answered ${put.status}`;
    });
    await this.#until(200, 'POST', `${path}/${upload_id}/complete`);
    published.acknowledgedAt = performance.now();
  }

  async #createRelease(version: string): Promise<string> {
    const { status, document } = await this.#until([201, 409], 'POST', '/releases', { version });
    if (status === 201) return document.id;
    // An earlier attempt without a response.
    const releases: ReleaseResponse[] = (await this.#until(200, 'GET', '/releases')).document;
    const release = releases.find((candidate) => candidate.version === version);
    if (release === undefined) throw new Error(`${version} is taken, and is not there`);
    return release.id;
  }

  async #delete(published: Published): Promise<void> {
    const releases: ReleaseResponse[] = (await this.#until(200, 'GET', '/releases')).document;
    const release = releases.find(({ version }) => version === versionOf(published));
    if (release === undefined) throw new Error(`${versionOf(published)} was acknowledged, and is not there`);
    published.deletionBegun = true;
    await this.#until([204, 404], 'DELETE', `/releases/${release.id}`); // 404: a try before that was not answered
    published.deletionAcknowledged = true;
  }

  async #until(
    good: number | readonly number[],
    method: string,
    path: string,
    body?: object,
  ): Promise<Answer> {
    let answer: Answer | undefined;
    await eventually(async () => {
      answer = await this.#send(method, path, body);
      if ([good].flat().includes(answer.status)) return true;
      const mayPass = answer.status >= 500 || [202, 425, 429].includes(answer.status);
      const what = `${method} ${path}: ${answer.status} ${JSON.stringify(answer.document)}`;
      if (!mayPass) throw new UnexpectedResponse(what);
      return what;
    });
    if (method !== 'GET') this.acknowledged++;
    return answer as Answer;
  }

  async #send(method: string, path: string, body?: object): Promise<Answer> {
    const answer = await fetch(this.#root + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#ledger.app.token}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json');
    return { status: answer.status, document: isJson ? JSON.parse(text) : text };
  }
}

class UnexpectedResponse extends Error {}

/** @param attempt returns why it did not succeed; an error counts as no response, unless it is unexpected */
async function eventually(attempt: () => Promise<true | string>): Promise<void> {
  for (const deadline = performance.now() + PATIENCE_MS; ; await sleep(TRY_AGAIN_MS)) {
    const outcome = await attempt().catch((error: Error) => {
      if (error instanceof UnexpectedResponse) throw error;
      return String(error);
    });
    if (outcome === true) return;
    if (performance.now() > deadline) throw new Error(outcome);
  }
}
