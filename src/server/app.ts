import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import Type from 'typebox';
import { OPENAPI_PATH } from '../protocol/openapi/openapi-document.ts';
import { matches } from '../protocol/validate.ts';
import { DiskStorage } from '../storage/disk/disk-storage.ts';
import { isRemote } from '../storage/remote-storage.ts';
import { RefusalLog } from './audit/refusal-log.ts';
import { TokenUses } from './audit/token-uses.ts';
import { Counting } from './counting/counting.ts';
import { FileDigests } from './feeds/file-digests.ts';
import { registerApps } from './handlers/apps.ts';
import { registerArtifacts } from './handlers/artifacts.ts';
import { registerCapabilities } from './handlers/capabilities.ts';
import { type CheckHandling, registerCheck } from './handlers/check.ts';
import { registerUploadCompletion } from './handlers/complete-upload.ts';
import { DOWNLOAD_PAGE_PATH, FEED_PATH, registerDownloadPages } from './handlers/download-pages.ts';
import { registerDownloads } from './handlers/downloads.ts';
import { registerEvents } from './handlers/events.ts';
import { registerIdentityExchange } from './handlers/exchange-identity.ts';
import { registerExplain } from './handlers/explain.ts';
import { type FeedHandling, registerFeeds } from './handlers/feeds.ts';
import { HEALTH_PATHS, registerHealth } from './handlers/health.ts';
import { registerLatest } from './handlers/latest.ts';
import { registerLatestJson } from './handlers/latest-json.ts';
import { registerOperatorData } from './handlers/operator-data.ts';
import { registerOperatorPage } from './handlers/operator-page.ts';
import { registerReleases } from './handlers/releases.ts';
import { registerSimulate } from './handlers/simulate.ts';
import { registerStats } from './handlers/stats.ts';
import { registerStoredFiles } from './handlers/stored-files.ts';
import { registerUploads } from './handlers/uploads.ts';
import { forwardedReader, trustedHops } from './http/client-address.ts';
import { createHttpServer } from './http/http-server.ts';
import { registerOtherMethods } from './http/other-methods.ts';
import { lifecycleOf } from './lifecycle.ts';
import { Turns } from './limits/request-limits.ts';
import { LostFiles } from './maintenance/lost-files.ts';
import { Maintenance } from './maintenance/maintenance.ts';
import { type OfferedApp, OfferedFiles, paceOf } from './maintenance/offered-files.ts';
import { ServerCounters } from './metrics/server-counters.ts';
import { watchRequests } from './metrics/watch-requests.ts';
import type { Services } from './services.ts';
import { type Traffic, watchTraffic } from './traffic.ts';
import { CheckFastPath } from './update-check/check-fast-path.ts';
import { DEFAULT_CHECK_CACHE_BYTES, OfferCache } from './update-check/offer-cache.ts';
import type { FindLost } from './update-check/route-offers.ts';
import { type ArrivingUploads, createArrivingUploads } from './uploads/arriving-uploads.ts';
import { StoreWatch } from './webhooks/store-watch.ts';
import { WebhookSender } from './webhooks/webhook-sender.ts';

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

/** How much of the memory for checks whole responses take; the rest is for the offers that they are made of. */
const RESPONSES_SHARE = 0.25;

/** Of `explain` and `simulate`, which may read all that an app has: one at a time for each token. */
const QUESTIONS = { total: 2, each: 1, waiting: 4 };

/** Paths beside the API. */
const PATHS_OUTSIDE = { machines: HEALTH_PATHS, scripts: [OPENAPI_PATH] };
const WITH_PAGES = { machines: [...HEALTH_PATHS, DOWNLOAD_PAGE_PATH], scripts: [OPENAPI_PATH, FEED_PATH] };

/**
 * The server with every route of the API and its background work, not yet listening.
 * @param onTraffic gets every check and download of installed apps
 */
export function createApp(
  outside: Services,
  logger: FastifyBaseLogger,
  onTraffic?: (traffic: Traffic) => void,
): FastifyInstance {
  const { storage, onAnswered } = outside;
  const { counters = new ServerCounters() } = outside;
  const lostFiles = new LostFiles(outside, logger);
  const maintenance = new Maintenance({ ...outside, lostFiles, counters }, logger);
  const offeredFiles = new OfferedFiles(lostFiles, outside.comparisonPace ?? paceOf(storage));
  const onBytesQueued = () => void maintenance.removeDeleted();
  const refusals = new RefusalLog(outside, logger);
  const tokenUses = new TokenUses(outside, logger);
  const counting = createCounting({ ...outside, counters }, logger);
  const services = {
    ...{ ...outside, counters, lostFiles, offeredFiles, onBytesQueued, refusals, tokenUses, counting },
  };
  const { offers, fastPath } = createCheckHandling(services, logger);
  const digests = new FileDigests(services, logger);
  // What reports every request needs what only the framework knows of it.
  const isWatched = onTraffic !== undefined || logger.level === 'debug';
  const app = createHttpServer(services, {
    logger,
    fastPath: (request, response) =>
      !isWatched && !lifecycle.isDraining && fastPath.answer(request, response),
  });
  const lifecycle = lifecycleOf(app);
  if (onTraffic !== undefined) watchTraffic(app, onTraffic);
  if (onAnswered !== undefined) watchRequests(app, { counters, observe: onAnswered });
  const uploads = createArrivingUploads(services, logger);
  maintenance.start();
  offeredFiles.start();
  refusals.start();
  tokenUses.start();
  counting?.start();
  uploads?.poller?.start();
  const endWebhooks = startWebhooks({ ...outside, counters }, logger);
  app.addHook('onClose', async () => {
    const timer = setTimeout(() => isRemote(storage) && storage.close(), STORE_WAIT_MS);
    const stopped = [maintenance, offeredFiles, tokenUses, counting, digests].map((one) => one?.stop());
    await Promise.all([stopUploads(uploads), endWebhooks(), ...stopped]).finally(() => clearTimeout(timer));
    await refusals.stop(); // after the last upload
    if (storage instanceof DiskStorage) storage.close();
  });

  refuseChangesToForeignFiles(app, services);
  refuseAdditionsToFullDisk(app, services);
  registerHealth(app, services);
  registerCapabilities(app, services);
  registerApps(app, services);
  registerStats(app, services);
  registerQuestions(app, services);
  registerIdentityExchange(app, services);
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
  registerChecks(app, services, { offers, fastPath, digests });
  if (services.web) registerPages(app, services);
  const pathsOutside = services.web ? WITH_PAGES : PATHS_OUTSIDE;
  app.register(async (scope) => registerOtherMethods(scope, pathsOutside)); // after all others
  return app;
}

/** Sends webhooks what happens. @returns ends it */
function startWebhooks(services: Services, logger: FastifyBaseLogger): () => Promise<void> {
  const sender = new WebhookSender(services, logger);
  const watch = new StoreWatch(services, logger);
  sender.start();
  watch.start();
  return async () => {
    await Promise.all([sender.stop(), watch.stop()]);
  };
}

/** What an operator asks about update checks. */
function registerQuestions(app: FastifyInstance, services: Services): void {
  const questions = { turns: new Turns(QUESTIONS), findLost: lostFinder(services) };
  registerExplain(app, services, questions);
  registerSimulate(app, services, questions);
}

function createCounting(outside: Services, logger: FastifyBaseLogger): Counting | undefined {
  const { counts = { isAlone: true } } = outside;
  return counts === 'none' ? undefined : new Counting(outside, logger, counts);
}

/** What answers checks from memory. */
function createCheckHandling(
  services: Services & Required<Pick<Services, 'offeredFiles'>>,
  logger: FastifyBaseLogger,
): CheckHandling {
  const { offeredFiles, counting, clock, trustProxy, counters } = services;
  const responsesBytes = Math.ceil(cacheBytesOf(services) * RESPONSES_SHARE);
  const offers = new OfferCache({
    ...services,
    maxBytes: cacheBytesOf(services) - responsesBytes,
    onStale: (err: unknown) => logger.error({ err }, 'database unavailable: serving stale update checks'),
    findLost: lostFinder(services),
    onAsked: (asked: OfferedApp) => offeredFiles.asked(asked),
  });
  const counts = counting && {
    addressOf: forwardedReader(trustedHops(trustProxy)),
    count: counting.count.bind(counting),
  };
  const fastPath = new CheckFastPath({ apps: offers, clock, maxBytes: responsesBytes, counts, counters });
  return { offers, fastPath };
}

function cacheBytesOf({ checkCacheSize = DEFAULT_CHECK_CACHE_BYTES }: Services): number {
  return checkCacheSize;
}

/** What people open in a browser. */
function registerPages(app: FastifyInstance, services: Services): void {
  registerDownloadPages(app, services);
  registerOperatorPage(app, services);
  registerOperatorData(app, services);
}

/** What installed apps and visitors of a website ask. */
function registerChecks(
  app: FastifyInstance,
  services: Services,
  handling: CheckHandling & FeedHandling,
): void {
  registerCheck(app, services, handling);
  registerLatestJson(app, services, handling);
  registerLatest(app, services);
  registerEvents(app, services);
  registerFeeds(app, services, handling);
}

const READING_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** A request with a question in its body changes nothing. */
function onlyReads({ method, config }: Pick<RouteOptions, 'method' | 'config'>): boolean {
  return config?.route === 'simulate' || [method].flat().every((one) => READING_METHODS.has(one));
}

/** A server with files that may be another database's still answers whatever only reads. Costs that nothing. */
function refuseChangesToForeignFiles(app: FastifyInstance, { ownership }: Services): void {
  if (ownership === undefined) return;
  app.addHook('onRoute', (route) => {
    if (onlyReads(route)) return;
    route.preHandler = [async () => ownership.requireOwned(), ...[route.preHandler ?? []].flat()];
  });
}

/** What adds to the store leaves room on the disk for what frees it. Uploads reserve theirs. */
function refuseAdditionsToFullDisk(app: FastifyInstance, { room }: Services): void {
  if (room === undefined) return;
  app.addHook('onRoute', (route) => {
    const adds = !onlyReads(route) && [route.method].flat().some((method) => method !== 'DELETE');
    if (!adds || route.config?.access === 'signed-url') return;
    const requireRoom = async ({ body }: FastifyRequest) => {
      if (!onlyYanks(body)) room.requireHeadroom();
    };
    route.preHandler = [requireRoom, ...[route.preHandler ?? []].flat()];
  });
}

/** Whether a valid body of `updateRelease` withdraws a release and adds no text. */
function onlyYanks(body: unknown): boolean {
  return (
    matches(WITHDRAWAL, body) &&
    (body.status ?? body.paused) !== undefined &&
    body.notes === undefined &&
    body.embedded_pubkey === undefined
  );
}

const WITHDRAWAL = Type.Object({
  status: Type.Optional(Type.Literal('yanked')),
  paused: Type.Optional(Type.Literal(true)),
  notes: Type.Optional(Type.Unknown()),
  embedded_pubkey: Type.Optional(Type.Unknown()),
});

/** On a disk it is a matter of microseconds to see whether files are there; in a bucket, offers do not wait for it. */
function lostFinder({ storage, lostFiles }: Services): FindLost | undefined {
  if (isRemote(storage) || lostFiles === undefined) return undefined;
  return (files) => lostFiles.find(files).catch(() => new Set()); // it cannot be known now: maintenance reports why
}

async function stopUploads(uploads: ArrivingUploads | undefined): Promise<void> {
  await uploads?.poller?.stop();
  await uploads?.finalizer.stop();
}
