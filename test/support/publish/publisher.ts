import type { LightMyRequestResponse } from 'fastify';
import { onTestFinished, vi } from 'vitest';
import type { NewApp } from '../../../src/database/queries/apps.ts';
import { type Platform, platformName } from '../../../src/protocol/platform.ts';
import { API_ROOT, pathOf } from '../../../src/protocol/routes.ts';
import type { Services } from '../../../src/server/services.ts';
import { isRemote } from '../../../src/storage/remote-storage.ts';
import { tempFolder } from '../process/temp-folder.ts';
import { openTestServer, type TestServer } from '../server/server.ts';

export const LINUX: Platform = { target: 'linux', arch: 'x86_64' };
export const MAC: Platform = { target: 'darwin', arch: 'aarch64' };

/** A server that closes when the test is finished. */
export async function startServer(overrides: Partial<Services> = {}, dataDir?: string): Promise<TestServer> {
  const server = await openTestServer(dataDir ?? (await tempFolder()), overrides);
  onTestFinished(() => server.close());
  return server;
}

/** A response of the server in process, or of a remote store. */
export type Followed = Pick<
  LightMyRequestResponse,
  'statusCode' | 'headers' | 'rawPayload' | 'body' | 'json'
>;

/** How long an upload to a remote store may take to become visible, in milliseconds: R26. */
const VISIBLE_WITHIN_MS = 10_000;

export interface SendOptions {
  readonly body?: unknown;
  readonly token?: string;
  readonly remoteAddress?: string;
}

/** One app on a test server: calls its routes in process. */
export class Publisher {
  readonly server: TestServer;
  readonly id: string;
  readonly token: string;
  readonly slug: string;

  private constructor(server: TestServer, app: { id: string; token: string }, slug: string) {
    this.server = server;
    this.id = app.id;
    this.token = app.token;
    this.slug = slug;
  }

  static async on(server: TestServer, app: Partial<NewApp> = {}): Promise<Publisher> {
    const slug = app.slug ?? 'my-app';
    return new Publisher(server, await server.createApp({ ...app, slug }), slug);
  }

  /** The same app on another node. */
  at(node: TestServer): Publisher {
    return new Publisher(node, { id: this.id, token: this.token }, this.slug);
  }

  /** The same app with another token. */
  with(token: string): Publisher {
    return new Publisher(this.server, { id: this.id, token }, this.slug);
  }

  /** Another app on the same server. */
  of(app: { id: string; token: string }): Publisher {
    return new Publisher(this.server, app, this.slug);
  }

  /** A call under `/apps/{app_id}`, with the app's token. */
  send(
    method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    options: SendOptions = {},
  ): Promise<LightMyRequestResponse> {
    const { body, token = this.token, remoteAddress = '127.0.0.1' } = options;
    return this.server.app.inject({
      method,
      url: `${API_ROOT}/apps/${this.id}${path}`,
      headers: { authorization: `Bearer ${token}` },
      remoteAddress,
      ...(body !== undefined && { payload: body as object }),
    });
  }

  /** @returns the release's id */
  async createRelease(version: string, signature = `signature of ${version}`): Promise<string> {
    const reply = await this.send('POST', '/releases', { body: { version, signature } });
    return requireStatus(reply, 201).json().id;
  }

  /** @returns the upload URL */
  async requestUpload(
    releaseId: string,
    fileSize: number,
    platform = LINUX,
    fields: object = {},
  ): Promise<string> {
    const body = { ...platform, file_size: fileSize, ...fields };
    const reply = await this.send('POST', `/releases/${releaseId}/artifacts`, { body });
    return requireStatus(reply, 201).json().upload_url;
  }

  /** @returns the upload URL, in a new release */
  async promise(version: string, fileSize: number, fields: object = {}): Promise<string> {
    return this.requestUpload(await this.createRelease(version), fileSize, LINUX, fields);
  }

  put(uploadUrl: string, bytes: Buffer): Promise<Followed> {
    return this.follow('PUT', uploadUrl, bytes);
  }

  /**
   * A PUT, and for a remote store the request to finalize it. @returns the outcome: the server's response, or the
   * store's if that refuses the PUT
   */
  async upload(releaseId: string, uploadUrl: string, bytes: Buffer): Promise<Followed> {
    const reply = await this.put(uploadUrl, bytes);
    if (reply.statusCode >= 300 || !isRemote(this.server.services.storage)) return reply;
    const uploadId = new URL(uploadUrl).pathname.split('/').at(-1);
    return this.send('POST', `/releases/${releaseId}/artifacts/${uploadId}/complete`);
  }

  /** A request to a URL from the server, wherever it leads. */
  async follow(method: 'GET' | 'PUT', url: string, payload?: Buffer): Promise<Followed> {
    const { origin, pathname, search } = new URL(url);
    const { storage, publicUrl } = this.server.services;
    if (!isRemote(storage) || origin === new URL(publicUrl()).origin) {
      return this.server.app.inject({ method, url: pathname + search, ...(payload && { payload }) });
    }
    const answer = await fetch(url, { method, ...(payload && { body: new Uint8Array(payload) }) });
    const rawPayload = Buffer.from(await answer.arrayBuffer());
    const body = rawPayload.toString('utf8');
    const headers = Object.fromEntries(answer.headers);
    return { statusCode: answer.status, headers, rawPayload, body, json: () => JSON.parse(body) };
  }

  /** A release with one complete artifact. @returns the release's id */
  async publish(version: string, bytes = bytesOf(version), platform = LINUX): Promise<string> {
    const releaseId = await this.createRelease(version);
    requireStatus(await this.put(await this.requestUpload(releaseId, bytes.length, platform), bytes), 200);
    if (isRemote(this.server.services.storage)) await this.untilVisible(releaseId, platform);
    return releaseId;
  }

  /** Waits until a live release's upload is finalized. */
  async untilVisible(releaseId: string, platform = LINUX): Promise<void> {
    const options = { timeout: VISIBLE_WITHIN_MS, interval: 20 };
    await vi.waitFor(async () => requireStatus(await this.download(releaseId, platform), 302), options);
  }

  download(releaseId: string, { target, arch } = LINUX): Promise<LightMyRequestResponse> {
    return this.get(pathOf('download', { slug: this.slug, release_id: releaseId, target, arch }));
  }

  async delete(releaseId: string): Promise<void> {
    requireStatus(await this.send('DELETE', `/releases/${releaseId}`), 204);
  }

  check(currentVersion: string, { target, arch } = LINUX, slug = this.slug): Promise<LightMyRequestResponse> {
    return this.get(pathOf('check', { slug, target, arch, current_version: currentVersion }));
  }

  /** The version that is offered to 0.0.0-0; undefined when none is. */
  async offered(platform = LINUX): Promise<string | undefined> {
    const reply = await this.check('0.0.0-0', platform);
    return reply.statusCode === 204 ? undefined : requireStatus(reply, 200).json().version;
  }

  /** The signed URL that a download is redirected to, as a path. */
  async downloadPath(releaseId: string, platform = LINUX): Promise<string> {
    const { pathname, search } = new URL(await this.downloadUrl(releaseId, platform));
    return pathname + search;
  }

  /** The signed URL that a download is redirected to. */
  async downloadUrl(releaseId: string, platform = LINUX): Promise<string> {
    return requireStatus(await this.download(releaseId, platform), 302).headers.location ?? '';
  }

  /** The bytes that an installed app of version 0.0.0-0 would get. */
  async fetchOffer(platform = LINUX): Promise<Buffer> {
    const offer = requireStatus(await this.check('0.0.0-0', platform), 200).json();
    const redirect = requireStatus(await this.get(new URL(offer.url).pathname), 302);
    return requireStatus(await this.follow('GET', redirect.headers.location ?? ''), 200).rawPayload;
  }

  get(path: string): Promise<LightMyRequestResponse> {
    return this.server.app.inject({ method: 'GET', url: path });
  }
}

export function bytesOf(version: string, platform = LINUX): Buffer {
  return Buffer.from(`the app, version ${version} for ${platformName(platform)}`);
}

export function requireStatus<T extends Followed>(reply: T, status: number): T {
  if (reply.statusCode !== status) throw new Error(`${reply.statusCode} instead of ${status}: ${reply.body}`);
  return reply;
}
