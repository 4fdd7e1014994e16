import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { type Serving, startServe } from '../process/binary.ts';
import { addApp } from '../server/add-app.ts';
import { sha256Of } from '../tauri/local-file.ts';
import { type ExpectedVersion, type VersionState, verifyStore } from './verify-store.ts';

const TIMEOUT_MS = 15_000;

interface Version {
  readonly number: string;
  readonly bytes: Buffer;
  id: string;
  uploadUrl: string;
  /** What was acknowledged. */
  state: VersionState;
  /** What it becomes by a request that was sent, and perhaps not answered. */
  next: VersionState | undefined;
  readonly changes: Change[];
}

/** A request that changes a version, with positions that the test chooses: a time, or the length of a record. */
interface Change {
  readonly state: VersionState;
  readonly sentAt: number;
  answeredAt: number;
}

/** A served store with a server that is disturbed, and what was acknowledged by it. */
export class DisturbedStore {
  readonly dataDir: string;
  readonly #position: () => number;
  readonly #fileSize: number;
  readonly #versions = new Map<string, Version>();
  #app = { id: '', token: '' };
  #server: Serving | undefined;
  #created = 0;

  constructor(dataDir: string, position = () => performance.now(), fileSize = 20_000) {
    this.dataDir = dataDir;
    this.#position = position;
    this.#fileSize = fileSize;
  }

  get server(): Serving {
    if (this.#server === undefined) throw new Error('the server was not started');
    return this.#server;
  }

  /** What the requests name the app by. */
  get app(): { readonly id: string; readonly token: string } {
    return this.#app;
  }

  async start(env: Readonly<Record<string, string>> = {}, args: readonly string[] = []): Promise<void> {
    this.#server = await startServe(this.dataDir, args, { env });
    if (this.#app.id !== '') return;
    const database = await openSqlite({ dataDir: this.dataDir });
    const app = addApp(database, { name: 'My App', slug: 'my-app' });
    this.#app = await app.finally(() => database.close());
  }

  /** Kills the server, if there is one. */
  async end(): Promise<void> {
    await this.#server?.stop('SIGKILL');
  }

  /** A version that no one knows yet. */
  newVersion(): string {
    const number = `1.0.${this.#created++}`;
    const version: Version = {
      number,
      bytes: randomBytes(this.#fileSize),
      id: '',
      uploadUrl: '',
      state: 'absent',
      next: undefined,
      changes: [],
    };
    this.#versions.set(number, version);
    return number;
  }

  create(number: string, fields: object = {}): Promise<void> {
    const version = this.#find(number);
    const body = { version: number, signature: `of ${number}`, draft: true, ...fields };
    return this.#change(version, 'draft', async () => {
      version.id = (await this.#send('POST', '/releases', body)).id;
    });
  }

  async promise(number: string): Promise<void> {
    const version = this.#find(number);
    const { bytes } = version;
    const body = { target: 'linux', arch: 'x86_64', file_size: bytes.length, sha256: sha256Of(bytes) };
    version.uploadUrl = (await this.#send('POST', `/releases/${version.id}/artifacts`, body)).upload_url;
  }

  /** @param next `live` for a draft that goes live with it */
  upload(number: string, next: VersionState = 'draft with file'): Promise<void> {
    const version = this.#find(number);
    return this.#change(version, next, async () => {
      const url = new URL(version.uploadUrl);
      const target = new URL(url.pathname + url.search, this.server.url); // it may have another port since
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await fetch(target, { method: 'PUT', body: new Uint8Array(version.bytes), signal });
      if (!response.ok) throw new Error(`PUT: ${response.status} ${await response.text()}`);
    });
  }

  publish(number: string): Promise<void> {
    const version = this.#find(number);
    return this.#change(version, 'live', () => this.#send('POST', `/releases/${version.id}/publish`));
  }

  yank(number: string): Promise<void> {
    const version = this.#find(number);
    const send = () => this.#send('PATCH', `/releases/${version.id}`, { status: 'yanked' });
    return this.#change(version, 'yanked', send);
  }

  delete(number: string): Promise<void> {
    const version = this.#find(number);
    return this.#change(version, 'absent', () => this.#send('DELETE', `/releases/${version.id}`));
  }

  /** A version that is taken as far as that, undisturbed. */
  async prepare(
    state: 'draft' | 'promised' | 'draft with file' | 'live',
    fields: object = {},
  ): Promise<string> {
    const number = this.newVersion();
    await this.create(number, fields);
    if (state === 'draft') return number;
    await this.promise(number);
    if (state === 'promised') return number;
    await this.upload(number);
    if (state === 'live') await this.publish(number);
    return number;
  }

  /** What was not answered happened, or did not: what is found then is what has to stay. */
  async verify(): Promise<void> {
    const expected = new Map(
      [...this.#versions.values()].map(({ number, bytes, state, next = state }) => [
        number,
        { sha256: sha256Of(bytes), allowed: [state, next] },
      ]),
    );
    const found = await verifyStore(this.dataDir, expected);
    for (const version of this.#versions.values()) {
      const { id, state = 'absent' } = found.get(version.number) ?? {};
      if (id !== undefined) version.id = id;
      version.state = state;
      version.next = undefined;
    }
  }

  /** What a store may have that was lost at a position. */
  expectedAt(position: number): ReadonlyMap<string, ExpectedVersion> {
    return new Map(
      [...this.#versions.values()].map(({ number, bytes, changes }) => {
        const acknowledged = changes.filter(({ answeredAt }) => answeredAt <= position).at(-1);
        const open = changes.filter(({ sentAt, answeredAt }) => sentAt <= position && answeredAt > position);
        const allowed = [acknowledged?.state ?? 'absent', ...open.map(({ state }) => state)] as const;
        return [number, { sha256: sha256Of(bytes), allowed }];
      }),
    );
  }

  /** What was acknowledged, by version. */
  get states(): ReadonlyMap<string, { readonly state: VersionState; readonly sha256: string }> {
    return new Map(
      [...this.#versions.values()].map(({ number, state, bytes }) => [
        number,
        { state, sha256: sha256Of(bytes) },
      ]),
    );
  }

  /** The highest live version is offered, and its bytes are the ones that were uploaded. */
  async verifyOffer(): Promise<void> {
    const highest = [...this.#versions.values()].filter(({ state }) => state === 'live').at(-1);
    const response = await fetch(`${this.server.url}/api/sync/ota/my-app/linux/x86_64/0.0.1`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    expect(response.status).toBe(highest === undefined ? 204 : 200);
    if (highest === undefined) return;
    const offer = (await response.json()) as { version: string; url: string };
    expect(offer.version).toBe(highest.number);
    const download = await fetch(offer.url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    expect(sha256Of(Buffer.from(await download.arrayBuffer()))).toBe(sha256Of(highest.bytes));
  }

  async #change(version: Version, next: VersionState, send: () => Promise<unknown>): Promise<void> {
    const change = { state: next, sentAt: this.#position(), answeredAt: Number.POSITIVE_INFINITY };
    version.next = next;
    version.changes.push(change);
    await send();
    change.answeredAt = this.#position();
    version.state = next;
    version.next = undefined;
  }

  #find(number: string): Version {
    const version = this.#versions.get(number);
    if (version === undefined) throw new Error(`${number} was not created`);
    return version;
  }

  // biome-ignore lint/suspicious/noExplicitAny: as the API documents it
  async #send(method: string, path: string, body?: object): Promise<any> {
    const response = await fetch(`${this.server.url}/api/sync/ota/apps/${this.#app.id}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#app.token}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}
