import { onTestFinished } from 'vitest';
import { LINUX, MAC, Publisher, requireStatus, startServer } from '../publish/publisher.ts';
import type { S3Place } from '../s3/s3-place.ts';

/** An app on a server of its own that listens, until the test is finished. */
export async function startExportedApp() {
  const server = await startServer();
  const app = await Publisher.on(server);
  const { url, drain } = await server.listen();
  onTestFinished(() => drain());
  const exportArgs = ({ endpoint, location: { bucket, prefix } }: S3Place, baseUrl: string) => [
    ...['export', `s3://${bucket}/${prefix}`, '--s3-endpoint', endpoint, '--s3-force-path-style'],
    ...['--base-url', baseUrl, '--server', url, '--app', app.id, '--token', app.token],
  ];
  return {
    server,
    app: Object.assign(app, { exportArgs }),
    /** @returns the release's id */
    async publish(version: string): Promise<string> {
      const created = await app.send('POST', '/releases', { body: { version, draft: true } });
      const { id } = requireStatus(created, 201).json();
      for (const { target, arch } of [LINUX, MAC]) {
        const bytes = Buffer.from(`${version} for ${target}-${arch}`);
        const file = { target, arch, file_size: bytes.length, signature: 'a signature' };
        const granted = await app.send('POST', `/releases/${id}/artifacts`, { body: file });
        requireStatus(await app.put(requireStatus(granted, 201).json().upload_url, bytes), 200);
      }
      requireStatus(await app.send('POST', `/releases/${id}/publish`), 200);
      return id;
    },
    /** Lets the database say that its files have other bytes. */
    async spoil(releaseId: string): Promise<void> {
      const artifacts = server.database.queries.updateTable('artifacts').set({ sha256: 'ab'.repeat(32) });
      await artifacts.where('release_id', '=', releaseId).execute();
    },
  };
}
