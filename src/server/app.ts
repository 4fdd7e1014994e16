import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { DiskStorage } from '../storage/disk/disk-storage.ts';
import { isRemote } from '../storage/remote-storage.ts';
import { registerApps } from './handlers/apps.ts';
import { registerArtifacts } from './handlers/artifacts.ts';
import { registerCapabilities } from './handlers/capabilities.ts';
import { registerCheck } from './handlers/check.ts';
import { registerUploadCompletion } from './handlers/complete-upload.ts';
import { registerDownloads } from './handlers/downloads.ts';
import { registerReleases } from './handlers/releases.ts';
import { registerStoredFiles } from './handlers/stored-files.ts';
import { registerUploads } from './handlers/uploads.ts';
import { createHttpServer } from './http/http-server.ts';
import { Maintenance } from './maintenance/maintenance.ts';
import type { Services } from './services.ts';
import { createRemoteUploads, type RemoteUploads } from './uploads/remote-uploads.ts';

/**
 * How long the deletion of a release waits until its bytes are removed, in milliseconds: a download URL of a remote
 * storage cannot be revoked.
 */
const REMOVAL_WAIT_MS = 5000;

/**
 * How long a server that shuts down waits for a remote storage, in milliseconds. Then it aborts its requests, which is no
 * worse than a crash.
 */
const STORE_WAIT_MS = 10_000;

/** The server with every route of the API and its background work, not yet listening. */
export function createApp(outside: Services, logger: FastifyBaseLogger): FastifyInstance {
  const { storage } = outside;
  const maintenance = new Maintenance(outside, logger);
  const services = { ...outside, onBytesQueued: () => void maintenance.removeDeleted() };
  const app = createHttpServer(services, logger);
  const uploads = isRemote(storage) ? createRemoteUploads(services, storage, logger) : undefined;
  maintenance.start();
  uploads?.poller.start();
  app.addHook('onClose', async () => {
    const timer = setTimeout(() => isRemote(storage) && storage.close(), STORE_WAIT_MS);
    await Promise.all([stopUploads(uploads), maintenance.stop()]).finally(() => clearTimeout(timer));
  });

  registerCapabilities(app, services);
  registerApps(app, services);
  registerReleases(app, services, async () => {
    const removal = maintenance.removeDeleted();
    if (isRemote(storage)) await Promise.race([removal, sleep(REMOVAL_WAIT_MS, undefined, { ref: false })]);
  });
  registerArtifacts(app, services, uploads);
  registerDownloads(app, services);
  if (storage instanceof DiskStorage) {
    registerUploads(app, services, storage);
    registerStoredFiles(app, services, storage);
  }
  if (uploads) registerUploadCompletion(app, services, uploads);
  registerCheck(app, services);
  return app;
}

async function stopUploads(uploads: RemoteUploads | undefined): Promise<void> {
  await uploads?.poller.stop();
  await uploads?.finalizer.stop();
}
