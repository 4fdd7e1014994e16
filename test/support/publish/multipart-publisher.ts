import type { CreateArtifactResponse } from '../../../src/protocol/messages.ts';
import { type Followed, LINUX, type Publisher, requireStatus } from './publisher.ts';
import { sha256Of } from './remote-publisher.ts';

/** An upload in parts as a client does it, or with mistakes. */
export interface Parted {
  readonly uploadId: string;
  readonly multipart: NonNullable<CreateArtifactResponse['multipart']>;
  /** The PUT of one part, of the file's bytes or others. */
  put(number: number, body?: Buffer): Promise<Followed>;
  /** PUTs all parts that the server calls missing. @returns the ETags of all parts */
  putAll(bytes?: Buffer): Promise<string[]>;
  /** @param etags none if the parts are already assembled */
  complete(etags: readonly string[]): Promise<Followed>;
}

/** Requests an upload in parts. */
export async function grantMultipart(
  app: Publisher,
  releaseId: string,
  bytes: Buffer,
  fields: object = {},
): Promise<Parted> {
  const body = { ...LINUX, file_size: bytes.length, sha256: sha256Of(bytes), multipart: true, ...fields };
  const reply = await app.send('POST', `/releases/${releaseId}/artifacts`, { body });
  const { upload_id: uploadId = '', multipart }: CreateArtifactResponse = requireStatus(reply, 201).json();
  if (multipart === undefined) throw new Error('no parts were promised');
  const { part_size: partSize } = multipart;
  const partOf = (number: number, of = bytes) => of.subarray((number - 1) * partSize, number * partSize);
  const put = async (number: number, part = partOf(number)) => {
    const { url } = multipart.parts.find((one) => one.number === number) ?? {};
    if (url === undefined) throw new Error(`part ${number} has no URL`);
    return app.put(url, part);
  };
  return {
    uploadId,
    multipart,
    put,
    async putAll(of = bytes) {
      const etags = new Map(multipart.done.map(({ number, etag }) => [number, etag]));
      for (const { number } of multipart.parts) {
        const { headers } = requireStatus(await put(number, partOf(number, of)), 200);
        etags.set(number, String(headers.etag));
      }
      return [...etags].sort(([a], [b]) => a - b).map(([, etag]) => etag);
    },
    complete: (parts) =>
      app.send('POST', `/releases/${releaseId}/artifacts/${uploadId}/complete`, {
        body: parts.length > 0 ? { parts } : {},
      }),
  };
}
