import type { FastifyBaseLogger } from 'fastify';
import type { ArtifactStorage } from '../../storage/artifact-storage.ts';
import { DiskStorage } from '../../storage/disk/disk-storage.ts';
import { isRemote, type UploadArrivals } from '../../storage/remote-storage.ts';
import type { Services } from '../services.ts';
import { MultipartGrants } from './multipart-grant.ts';
import { PartAssembly } from './part-assembly.ts';
import { PollLog } from './poll-log.ts';
import { DEFAULT_POLL_SCHEDULE } from './poll-schedule.ts';
import { UploadFinalizer } from './upload-finalizer.ts';
import { UploadPoller } from './upload-poller.ts';

/** Everything for uploads that have to be finalized after they arrived: those in parts, and all to a remote storage. */
export interface ArrivingUploads {
  readonly grants: MultipartGrants;
  readonly assembly: PartAssembly;
  readonly finalizer: UploadFinalizer;
  /** Finds those that arrive at a remote storage instead of this server. */
  readonly poller?: UploadPoller;
}

/** Does not start the poller. */
export function createArrivingUploads(
  services: Services,
  logger: FastifyBaseLogger,
): ArrivingUploads | undefined {
  const { storage } = services;
  const arrivals = arrivalsOf(storage);
  if (arrivals === undefined) return undefined;
  const { max } = services.pollSchedule ?? DEFAULT_POLL_SCHEDULE;
  const log = new PollLog(logger, services.onDurabilityLost, 2 * max);
  const finalizer = new UploadFinalizer({ services, arrivals, log });
  return {
    grants: new MultipartGrants(services, arrivals),
    assembly: new PartAssembly(arrivals.parts, services),
    finalizer,
    ...(isRemote(storage) && { poller: new UploadPoller({ services, storage, finalizer, log }) }),
  };
}

/** Where uploads arrive that have to be finalized; undefined for a storage that has no such place. */
export function arrivalsOf(storage: ArtifactStorage): UploadArrivals | undefined {
  if (isRemote(storage)) return storage;
  return storage instanceof DiskStorage ? storage.arrivals : undefined;
}
