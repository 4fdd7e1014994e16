import { createHash } from 'node:crypto';
import type { CallOptions, Credentials, Need, Reply, Target } from './target.ts';

const ROOT = '/api/sync/ota';
/** The time until an upload is visible after its PUT, in milliseconds: S3 does not notify the server. */
const VISIBLE_WITHIN_MS = 10_000;

/** Our server's default. */
const DEFAULT_PART_SIZE = 8 * 1024 * 1024;

/** Versions rise from scenario to scenario and from run to run, so that earlier releases never get in the way. */
const RUN = Math.floor(Date.now() / 1000);
let scenarios = 0;

export const LINUX = 'linux/x86_64';
export const MAC = 'darwin/aarch64';

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

export interface ApiOptions extends CallOptions {
  readonly json?: unknown;
  /** Null: none. */
  readonly token?: string | null;
}

/** The calls of one scenario, and what it created so far: releases by version, upload URLs by version and platform. */
export class World {
  readonly target: Target;
  readonly slug: string;
  readonly #base = `${RUN}.${scenarios++}`;
  readonly #releases = new Map<string, string>();
  readonly #live = new Set<string>();
  readonly #uploadUrls = new Map<string, string>();
  #kept: Reply | undefined;

  constructor(target: Target) {
    this.target = target;
    this.slug = target.slug;
  }

  /** The size of each part but the last of a file with few parts, in bytes. */
  get partSize(): number {
    return this.target.partSize ?? DEFAULT_PART_SIZE;
  }

  /** Only for scenarios that need `credentials`. */
  get credentials(): Credentials {
    if (this.target.credentials === undefined) throw new Error('the target has no credentials');
    return this.target.credentials;
  }

  /** A version of this scenario: `v('1-rc.1')`. `v('0-0')` is lower than all others. */
  v(patch: number | string): string {
    return `${this.#base}.${patch}`;
  }

  /** A channel of this scenario, for what would get in the way of later ones. */
  get channel(): string {
    return `scenario-${this.#base.replace('.', '-')}`;
  }

  /** The bytes published as `patch` unless others are given. */
  bytes(patch: number | string): Buffer {
    return Buffer.from(`the app, version ${this.v(patch)}`);
  }

  /** A call of the app's own routes: `appCall('POST', '/releases', { json })`. */
  appCall(method: string, path: string, options: ApiOptions = {}): Promise<Reply> {
    return this.call(method, `/apps/${this.target.app.id}${path}`, {
      token: this.target.app.token,
      ...options,
    });
  }

  call(method: string, path: string, { json, token = null, ...options }: ApiOptions = {}): Promise<Reply> {
    const headers = {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...options.headers,
    };
    const body = json === undefined ? options.body : JSON.stringify(json);
    return this.target.request(method, ROOT + path, {
      ...options,
      headers,
      ...(body !== undefined && { body }),
    });
  }

  setSlug(slug: unknown): Promise<Reply> {
    return this.appCall('PUT', '/slug', { json: { slug } });
  }

  async createRelease(patch: number | string, fields: object = {}): Promise<Reply> {
    const json = { version: this.v(patch), notes: 'Notes.', signature: `signature of ${patch}`, ...fields };
    const reply = await this.appCall('POST', '/releases', { json });
    if (reply.status < 300) {
      this.#releases.set(this.v(patch), JSON.parse(reply.body.toString()).id);
      this.#live.add(this.v(patch));
    }
    return reply;
  }

  /** As `createRelease(1)`, with a token that should not be able to. */
  createReleaseWith(token: string): Promise<Reply> {
    return this.appCall('POST', '/releases', { token, json: { version: this.v(1), signature: 'signature' } });
  }

  /** @param platform `linux/x86_64`; with a kind of bundle (extension `platforms`) `linux/x86_64/deb` */
  async requestUpload(patch: number | string, platform = LINUX, fields: object = {}): Promise<Reply> {
    const [target, arch, bundle_type] = platform.split('/');
    const json = { target, arch, bundle_type, file_size: this.bytes(patch).length, ...fields };
    const reply = await this.appCall('POST', `/releases/${this.releaseId(patch)}/artifacts`, { json });
    if (reply.status < 300)
      this.#uploadUrls.set(this.v(patch) + platform, JSON.parse(reply.body.toString()).upload_url);
    return reply;
  }

  /** The PUT to the URL last given for the platform. */
  put(
    patch: number | string,
    platform = LINUX,
    body = this.bytes(patch),
    options: CallOptions = {},
  ): Promise<Reply> {
    return this.putTo(this.uploadUrl(patch, platform), body, options);
  }

  /** A PUT to any URL; resolves once the server knows of the upload. */
  async putTo(url: string, body: Buffer, options: CallOptions = {}): Promise<Reply> {
    const reply = await this.target.follow('PUT', url, { body, ...options });
    if (reply.status < 300) await this.target.settle?.();
    return reply;
  }

  /** Creates a release if it does not exist, and its artifact; resolves once that is offered. */
  async publish(patch: number | string, platform = LINUX, body = this.bytes(patch)): Promise<Reply> {
    if (!this.#live.has(this.v(patch))) requireSuccess(await this.createRelease(patch));
    requireSuccess(await this.requestUpload(patch, platform, { file_size: body.length }));
    const reply = requireSuccess(await this.put(patch, platform, body));
    await this.#untilVisible(patch, platform);
    return reply;
  }

  check(platform: string, current: string, slug = this.slug, channel?: string): Promise<Reply> {
    const query = channel === undefined ? '' : `?channel=${encodeURIComponent(channel)}`;
    return this.call('GET', `/${slug}/${platform}/${current}${query}`);
  }

  /** Extension `draft`. */
  publishDraft(patch: number | string, required?: readonly object[], expected?: string): Promise<Reply> {
    const query = expected === undefined ? '' : `?expect=${encodeURIComponent(expected)}`;
    const path = `/releases/${this.releaseId(patch)}/publish${query}`;
    return this.appCall('POST', path, required && { json: required });
  }

  /** Extension `yank`. */
  updateRelease(patch: number | string, change: object): Promise<Reply> {
    return this.appCall('PATCH', `/releases/${this.releaseId(patch)}`, { json: change });
  }

  download(patch: number | string, platform = LINUX, method = 'GET'): Promise<Reply> {
    return this.call(method, `/${this.slug}/download/${this.releaseId(patch)}/${platform}`);
  }

  /** The bytes that an offer's or a redirect's URL leads to. */
  async fetchFile(url: string, options: CallOptions & { method?: string } = {}): Promise<Reply> {
    const { method = 'GET', ...rest } = options;
    const reply = await this.target.follow('GET', url);
    if (reply.status !== 302) return this.target.follow(method, url, rest);
    return this.target.follow(method, reply.headers.location ?? '', rest);
  }

  /** Downloads as an app of version `0-0` would, by the URL of the offer. */
  async fetchOffer(platform = LINUX): Promise<Reply> {
    const offer = await this.check(platform, this.v('0-0'));
    return offer.status === 200 ? this.fetchFile(JSON.parse(offer.body.toString()).url) : offer;
  }

  delete(patch: number | string): Promise<Reply> {
    this.#live.delete(this.v(patch));
    return this.appCall('DELETE', `/releases/${this.releaseId(patch)}`);
  }

  /** Extension `conditional-delete`: only if it has that number of complete artifacts. */
  async deleteIf(patch: number | string, artifacts: number | string): Promise<Reply> {
    const path = `/releases/${this.releaseId(patch)}?artifacts=${encodeURIComponent(artifacts)}`;
    const reply = await this.appCall('DELETE', path);
    if (reply.status < 300) this.#live.delete(this.v(patch));
    return reply;
  }

  /** Keeps a response for a later step. */
  async keep(reply: Promise<Reply>): Promise<Reply> {
    this.#kept = await reply;
    return this.#kept;
  }

  get kept(): Reply {
    if (this.#kept === undefined) throw new Error('no answer was kept');
    return this.#kept;
  }

  releaseId(patch: number | string): string {
    const id = this.#releases.get(this.v(patch));
    if (id === undefined) throw new Error(`there is no release ${patch}`);
    return id;
  }

  uploadUrl(patch: number | string, platform = LINUX): string {
    const url = this.#uploadUrls.get(this.v(patch) + platform);
    if (url === undefined) throw new Error(`there is no upload of ${patch} for ${platform}`);
    return url;
  }

  /** What the server or the target offers of all that a scenario can need. */
  async offered(): Promise<ReadonlySet<Need>> {
    const reply = await this.call('GET', '');
    const isJson = reply.status === 200 && reply.headers['content-type']?.startsWith('application/json');
    const { name, extensions = [] } = isJson ? JSON.parse(reply.body.toString()) : {};
    const has = new Set<Need>(extensions);
    if (name === 'synckit-ota') has.add('ours');
    if (!has.has('complete-upload')) has.add('own-storage');
    if (this.target.credentials) has.add('credentials');
    if (this.target.advance) has.add('clock');
    return has;
  }

  /** Deletes what the scenario created and restores the slug. */
  async cleanUp(): Promise<void> {
    for (const version of this.#live)
      await this.appCall('DELETE', `/releases/${this.#releases.get(version)}`);
    await this.setSlug(this.slug);
  }

  async #untilVisible(patch: number | string, platform: string): Promise<void> {
    const deadline = Date.now() + VISIBLE_WITHIN_MS;
    while ((await this.download(patch, platform)).status !== 302) {
      if (Date.now() > deadline) throw new Error(`${patch} for ${platform} did not become visible`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

function requireSuccess(reply: Reply): Reply {
  if (reply.status >= 300) throw new Error(`${reply.status} ${reply.body}`);
  return reply;
}
