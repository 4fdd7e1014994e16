import { onTestFinished } from 'vitest';
import type { NewApp } from '../../../src/database/queries/apps.ts';
import type { Arch, Platform } from '../../../src/protocol/platform.ts';
import { API_ROOT } from '../../../src/protocol/routes.ts';
import type { Services } from '../../../src/server/services.ts';
import { isRemote } from '../../../src/storage/remote-storage.ts';
import { Publisher, requireStatus, startServer } from '../publish/publisher.ts';
import type { TestServer } from './server.ts';

/** A file to publish: its platform, name and bytes. */
export interface NamedFile {
  readonly target: string;
  readonly arch: Arch;
  readonly name: string;
  readonly bytes?: Buffer;
  readonly bundleType?: string;
  readonly signature?: string;
}

export interface NamedRelease {
  readonly version: string;
  readonly files: readonly NamedFile[];
  /** What is created with it besides. */
  readonly fields?: object;
}

/** An app that publishes files for updaters of other ecosystems, on a server that listens. */
export class FeedApp {
  readonly publisher: Publisher;
  /** Of its feeds, with a slash at the end. */
  readonly feeds: string;
  readonly url: string;

  private constructor(publisher: Publisher, url: string) {
    this.publisher = publisher;
    this.url = url;
    this.feeds = `${url}${API_ROOT}/${publisher.slug}/feeds/`;
  }

  static async start(overrides: Partial<Services> = {}, app: Partial<NewApp> = {}): Promise<FeedApp> {
    return FeedApp.on(await startServer(overrides), app);
  }

  static async on(server: TestServer, app: Partial<NewApp> = {}): Promise<FeedApp> {
    const publisher = await Publisher.on(server, app);
    const { url, drain } = await server.listen();
    onTestFinished(drain);
    return new FeedApp(publisher, url);
  }

  /** The same app at another node. */
  async at(node: TestServer): Promise<FeedApp> {
    const { url, drain } = await node.listen();
    onTestFinished(drain);
    return new FeedApp(this.publisher.at(node), url);
  }

  /** Takes a release live. @returns its id */
  async publish({ version, files, fields = {} }: NamedRelease): Promise<string> {
    const { publisher } = this;
    const body = { version, draft: true, allow_stranding: true, ...fields };
    const { id } = requireStatus(await publisher.send('POST', '/releases', { body }), 201).json();
    for (const file of files) {
      const { name, bytes = bytesOfFile(version, file), bundleType, signature = 's', ...platform } = file;
      const uploadUrl = await publisher.requestUpload(id, bytes.length, platform as Platform, {
        ...{ file_name: name, signature },
        ...(bundleType && { bundle_type: bundleType }),
      });
      const reply = await publisher.upload(id, uploadUrl, bytes);
      requireStatus(reply, isRemote(publisher.server.services.storage) ? reply.statusCode : 200);
    }
    requireStatus(await publisher.send('POST', `/releases/${id}/publish?allow_stranding=true`), 200);
    return id;
  }

  async change(releaseId: string, body: object): Promise<void> {
    requireStatus(await this.publisher.send('PATCH', `/releases/${releaseId}`, { body }), 200);
  }

  read(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(this.feeds + path, { headers });
  }

  async text(path: string, headers: Record<string, string> = {}): Promise<string> {
    const reply = await this.read(path, headers);
    const text = await reply.text();
    if (reply.status !== 200) throw new Error(`${reply.status}: ${text}`);
    return text;
  }
}

export function bytesOfFile(version: string, { name, arch }: NamedFile): Buffer {
  return Buffer.from(`${name} ${version} for ${arch}`);
}
