import { onTestFinished } from 'vitest';
import { hasStatus } from '../../../src/errors.ts';
import type { ReleaseResponse } from '../../../src/protocol/messages.ts';
import { type Platform, platformName } from '../../../src/protocol/platform.ts';
import type { LocalArtifact } from '../../../src/publish/inspect/local-artifact.ts';
import { type PublishRequest, type PublishResult, publish } from '../../../src/publish/publish.ts';
import { RecordingTransport } from '../network/recording-transport.ts';
import type { Point } from '../network/request-points.ts';
import { tempFolder } from '../process/temp-folder.ts';
import { openTestServer, type TestServer } from '../server/server.ts';
import { writeArtifact } from '../tauri/local-file.ts';
import { publisherOver, publishRequest, type TestPublisher } from './test-publisher.ts';

/** One process's connection to the server. */
export interface Way {
  readonly transport: RecordingTransport;
  readonly publisher: TestPublisher;
}

/** The outcome of a publish: its result, or the error. */
export interface Ended extends Way {
  // biome-ignore lint/suspicious/noExplicitAny: a result or an error; tests state what they expect of it
  readonly outcome: any;
}

/** Our real server on loopback with one app, and a folder with a signed file for each platform. */
export interface PublishWorld {
  readonly server: TestServer;
  readonly url: string;
  readonly app: { readonly id: string; readonly token: string };
  readonly folder: string;
  readonly artifacts: readonly LocalArtifact[];
  /** The files of some of the platforms. */
  filesOf(...platforms: readonly Platform[]): LocalArtifact[];
  connect(token?: string): Way;
  /** Publishes all files under the slug `my-app`, or as `fields` say, over a new connection or this one. */
  run(fields?: Partial<PublishRequest>, way?: Way): Promise<Ended>;
  /** The server's releases. */
  releases(): Promise<ReleaseResponse[]>;
  /** The version that an app of 0.0.0-0 is offered; undefined for none, also if the slug is unknown. */
  offered(platform: Platform, channel?: string): Promise<string | undefined>;
}

/** A connection on which something happens once, just before a certain request arrives. */
export function wayWhere(world: PublishWorld, isThis: Point, act: () => unknown): Way {
  const way = world.connect();
  let done = false;
  way.transport.before = async (request) => {
    if (done || !isThis(request)) return;
    done = true;
    await act();
  };
  return way;
}

/** @param open opens a server on an empty folder; by default one with all its data in it */
export async function startPublishWorld(
  platforms: readonly Platform[],
  open: (dataDir: string) => Promise<TestServer> = openTestServer,
): Promise<PublishWorld> {
  const server = await open(await tempFolder());
  onTestFinished(() => server.close());
  const { url } = await server.listen();
  const app = await server.createApp();
  const folder = await tempFolder();
  const artifacts = await Promise.all(platforms.map((platform) => writeArtifact(folder, platform)));

  function connect(token = app.token): Way {
    const transport = new RecordingTransport();
    onTestFinished(() => transport.close());
    return { transport, publisher: publisherOver(transport, { server: url, appId: app.id, token }) };
  }
  const looking = connect().publisher.client;
  return {
    server,
    url,
    app,
    folder,
    artifacts,
    filesOf: (...some) =>
      artifacts.filter((artifact) => some.map(platformName).includes(platformName(artifact))),
    connect,
    async run(fields = {}, way = connect()) {
      const request = publishRequest({ artifacts, ...fields });
      const outcome: PublishResult | unknown = await publish(way.publisher, request).catch(
        (error: unknown) => error,
      );
      return { outcome, ...way };
    },
    releases: () => looking.listReleases(app.id),
    async offered(platform, channel) {
      const app = { ...platform, slug: 'my-app', currentVersion: '0.0.0-0', channel };
      const update = await looking.check(app).catch((error) => {
        if (hasStatus(error, 404)) return undefined;
        throw error;
      });
      return update?.version;
    },
  };
}
