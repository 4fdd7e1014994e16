import { createHash } from 'node:crypto';
import type { Services } from '../../../src/server/services.ts';
import type { CopySizes } from '../../../src/storage/s3/s3-copy.ts';
import { tempFolder } from '../process/temp-folder.ts';
import type { S3Place } from '../s3/s3-place.ts';
import { type S3TestServer, startS3Server } from '../s3/s3-server.ts';
import { type Followed, LINUX, Publisher } from './publisher.ts';

export interface RemoteWorld {
  readonly server: S3TestServer;
  readonly app: Publisher;
  /** A new release with a pending upload of that size. */
  promise(version: string, size: number, fields?: object): Promise<Promised>;
  /** Extension `complete-upload`. */
  complete(promised: Promised): Promise<Followed>;
}

export interface Promised {
  readonly releaseId: string;
  readonly uploadId: string;
  readonly url: string;
}

export interface RemoteWorldOptions extends Partial<Services> {
  readonly pubkey?: string;
  /** A storage that another server has too. */
  readonly dataDir?: string;
  readonly copySizes?: CopySizes;
}

/** One app on a server with its files in a remote store. */
export async function openRemoteWorld(
  place: S3Place,
  { pubkey, dataDir, ...overrides }: RemoteWorldOptions = {},
): Promise<RemoteWorld> {
  const server = await startS3Server(dataDir ?? (await tempFolder()), place, overrides);
  const app = await Publisher.on(server, { pubkey, requireBoundSignatures: false });
  return {
    server,
    app,
    async promise(version, size, fields = {}) {
      const releaseId = await app.createRelease(version);
      const url = await app.requestUpload(releaseId, size, LINUX, fields);
      const query = server.database.queries.selectFrom('artifacts').select('id');
      const { id } = await query.where('release_id', '=', releaseId).executeTakeFirstOrThrow();
      return { releaseId, uploadId: id, url };
    },
    complete: ({ releaseId, uploadId }) =>
      app.send('POST', `/releases/${releaseId}/artifacts/${uploadId}/complete`),
  };
}

export const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
