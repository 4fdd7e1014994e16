import type { FastifyBaseLogger } from 'fastify';
import type { RemoteStorage } from '../../storage/remote-storage.ts';
import type { Services } from '../services.ts';
import { MultipartGrants } from './multipart-grant.ts';
import { PartAssembly } from './part-assembly.ts';
import { PollLog } from './poll-log.ts';
import { DEFAULT_POLL_SCHEDULE } from './poll-schedule.ts';
import { UploadFinalizer } from './upload-finalizer.ts';
import { UploadPoller } from './upload-poller.ts';

/** Everything for uploads that arrive at a remote storage instead of this server. */
export interface RemoteUploads {
  readonly grants: MultipartGrants;
  readonly assembly: PartAssembly;
  readonly finalizer: UploadFinalizer;
  readonly poller: UploadPoller;
}

/** Does not start the poller. */
export function createRemoteUploads(
  services: Services,
  storage: RemoteStorage,
  logger: FastifyBaseLogger,
): RemoteUploads {
  const { max } = services.pollSchedule ?? DEFAULT_POLL_SCHEDULE;
  const log = new PollLog(logger, services.onDurabilityLost, 2 * max);
  const finalizer = new UploadFinalizer({ services, storage, log });
  return {
    grants: new MultipartGrants(services, storage),
    assembly: new PartAssembly(storage.parts, services),
    finalizer,
    poller: new UploadPoller({ services, storage, finalizer, log }),
  };
}
