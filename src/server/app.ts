import { setTimeout as sleep } from 'node:timers/promises';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { TSchema } from 'typebox';
import { MAX_JSON_BODY_BYTES } from '../protocol/messages.ts';
import { Problem } from '../protocol/problem.ts';
import { fieldErrors, matches } from '../protocol/validate.ts';
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
import { createAuthenticator } from './http/auth.ts';
import { InvalidRequest, replyWithProblem } from './http/error-reply.ts';
import { announcesBody, isUpload, limitBody, lingerThenClose } from './http/request-body.ts';
import { startMaintenance } from './maintenance/maintenance.ts';
import type { Services } from './services.ts';
import { UploadPoller } from './uploads/upload-poller.ts';

/** How long a connection may be silent in the middle of a request, in milliseconds. */
const IDLE_TIMEOUT_MS = 120_000;

/**
 * How long deleting a release waits for its bytes to be gone, in milliseconds: a download URL of a store elsewhere
 * cannot be taken back.
 */
const REMOVAL_WAIT_MS = 5000;

/**
 * How long a server that stops waits for the store, in milliseconds; then it breaks off what it is doing there, as a
 * crash would.
 */
const STORE_WAIT_MS = 10_000;

/** The server as a function of requests: every route of the API, not yet listening. */
export function createApp(services: Services, logger: FastifyBaseLogger): FastifyInstance {
  const answerProblem = (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    replyWithProblem(error, request, reply, services.onDurabilityLost);
  const app = fastify({
    loggerInstance: logger,
    // one line a request, below: without queries, which hold signatures
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_JSON_BODY_BYTES,
    connectionTimeout: IDLE_TIMEOUT_MS,
    requestTimeout: 0, // it would cut slow uploads; see JSON_BODY_TIMEOUT_MS
    return503OnClosing: false, // what arrives while draining is still answered
    trustProxy: services.trustProxy.length > 0 ? [...services.trustProxy] : false,
    routerOptions: { maxParamLength: 16_384 }, // a value too long is a 400 that names it, not a 404
    frameworkErrors: answerProblem,
  });

  app.setValidatorCompiler(({ schema }) => (data) => {
    if (matches(schema as TSchema, data)) return { value: data };
    return { error: new InvalidRequest(fieldErrors(schema as TSchema, data)) };
  });
  app.removeContentTypeParser('text/plain'); // only JSON is understood
  const parseJson = app.getDefaultJsonParser('error', 'error');
  // Many clients name the type also where they send nothing; a route that needs a body says so itself.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null, undefined) : parseJson(request, body as string, done),
  );
  app.setErrorHandler(answerProblem);
  app.setNotFoundHandler(() => {
    throw new Problem('not_found', 'There is nothing under this path and method.');
  });
  app.addHook('onRoute', ({ config, url }) => {
    if (config?.access === undefined) throw new Error(`${url} declares no access`);
  });
  app.addHook('onRequest', async (request, reply) => limitBody(request, reply));
  app.addHook('onRequest', createAuthenticator(services));
  app.addHook('preParsing', async (request, reply) => {
    // Asked for only now that the request may be made. An upload asks by itself, once it is known to be wanted.
    const waits = request.headers.expect !== undefined && !isUpload(request);
    if (waits) reply.raw.writeContinue();
  });
  app.addHook('onSend', async (request, reply) => {
    const { raw, headers } = request;
    // Caches may keep an answer that says nothing of them, a 404 above all.
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    const unread = raw.complete ? 0 : Number(headers['content-length'] ?? Number.POSITIVE_INFINITY);
    // A file, or a large body, that was refused: a client in the middle of sending it gets the answer first.
    const refused = isUpload(request) ? unread > 0 : unread > request.routeOptions.bodyLimit;
    if (announcesBody(raw) && refused) lingerThenClose(raw);
  });
  app.addHook('onResponse', async (request, reply) => {
    const { method, url, ip } = request;
    const line = {
      method,
      path: url.split('?', 1)[0],
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
      ip,
    };
    const level = request.routeOptions.config.access === 'public' ? 'debug' : 'info'; // fleets check all day
    request.log[level](line, 'request');
  });

  const { storage } = services;
  const upkeep = startMaintenance(services, logger);
  const uploads = isRemote(storage) ? new UploadPoller(services, storage, logger) : undefined;
  uploads?.start();
  app.addHook('onClose', async () => {
    const ending = setTimeout(() => isRemote(storage) && storage.close(), STORE_WAIT_MS);
    await Promise.all([uploads?.stop(), upkeep.stop()]).finally(() => clearTimeout(ending));
  });

  registerCapabilities(app, services);
  registerApps(app, services);
  registerReleases(app, services, async () => {
    const removal = upkeep.removeDeleted();
    if (isRemote(storage)) await Promise.race([removal, sleep(REMOVAL_WAIT_MS, undefined, { ref: false })]);
  });
  registerArtifacts(app, services, uploads);
  registerDownloads(app, services);
  if (storage instanceof DiskStorage) {
    registerUploads(app, services, storage);
    registerStoredFiles(app, services, storage);
  }
  if (uploads && isRemote(storage)) registerUploadCompletion(app, services, storage, uploads);
  registerCheck(app, services);
  return app;
}
