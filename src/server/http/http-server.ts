import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { TSchema } from 'typebox';
import { MAX_JSON_BODY_BYTES } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { API_ROOT } from '../../protocol/routes.ts';
import { fieldErrors, matches } from '../../protocol/validate.ts';
import type { Services } from '../services.ts';
import { createAuthenticator } from './auth.ts';
import { createErrorHandler, InvalidRequest } from './error-reply.ts';
import { warnOnceOfOtherHost } from './other-host.ts';
import { announcesBody, isUpload, limitBody, lingerThenClose } from './request-body.ts';

/** How long a connection may be idle in the middle of a request, in milliseconds. */
const IDLE_TIMEOUT_MS = 120_000;

/** The HTTP server without its routes: parsing, validation, access, errors and the log. */
export function createHttpServer(services: Services, logger: FastifyBaseLogger): FastifyInstance {
  const handleError = createErrorHandler(services.onDurabilityLost);
  const app = fastify({
    loggerInstance: logger,
    // `logRequest` writes one line per request, without the query, which holds signatures
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_JSON_BODY_BYTES,
    connectionTimeout: IDLE_TIMEOUT_MS,
    requestTimeout: 0, // it would cut off slow uploads; `limitBody` covers everything else
    return503OnClosing: false, // requests that arrive while draining are still answered
    trustProxy: services.trustProxy.length > 0 ? [...services.trustProxy] : false,
    routerOptions: { maxParamLength: 16_384 }, // a value that is too long gets a 400 that names it, not a 404
    frameworkErrors: handleError,
  });
  app.setValidatorCompiler<TSchema>(({ schema }) => (data) => {
    if (matches(schema, data)) return { value: data };
    return { error: new InvalidRequest(fieldErrors(schema, data)) };
  });
  acceptOnlyJson(app);
  app.setErrorHandler(handleError);
  app.setNotFoundHandler((request) => {
    throw new Problem('not_found', noRoute(request));
  });
  app.addHook('onRoute', ({ config, url }) => {
    if (config?.access === undefined) throw new Error(`${url} declares no access`);
  });
  app.addHook('onRequest', async (request, reply) => limitBody(request, reply));
  app.addHook('onRequest', createAuthenticator(services));
  app.addHook('preParsing', async (request, reply) => {
    // Only now is the request known to be allowed. An upload's handler invites the body itself, once it can be taken.
    if (request.headers.expect !== undefined && !isUpload(request)) reply.raw.writeContinue();
  });
  app.addHook('onSend', async (request, reply) => {
    // Caches may store a response without this header, a 404 above all.
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    lingerIfRefused(request);
  });
  app.addHook('onResponse', async (request, reply) => logRequest(request, reply));
  warnOnceOfOtherHost(app, services.publicUrl);
  return app;
}

function acceptOnlyJson(app: FastifyInstance): void {
  app.removeContentTypeParser('text/plain');
  const parseJson = app.getDefaultJsonParser('error', 'error');
  // Many clients send the type with an empty body too; a route that needs a body requires it by its schema.
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null, undefined) : parseJson(request, body, done),
  );
}

function noRoute({ url }: FastifyRequest): string {
  const [path = ''] = url.split('?', 1);
  if (path.indexOf(API_ROOT) > 0) {
    return `There is no route for this path: it has to begin with ${API_ROOT}, so a proxy in front of this server has to remove what comes before that.`;
  }
  const slash = path.startsWith(API_ROOT) && path.endsWith('/') ? ' It ends with a slash.' : '';
  return `There is no route for this method and path.${slash}`;
}

/** A client in the middle of sending a refused file, or a large body, receives the response first. */
function lingerIfRefused(request: FastifyRequest): void {
  const { raw, headers, routeOptions } = request;
  const unread = raw.complete ? 0 : Number(headers['content-length'] ?? Number.POSITIVE_INFINITY);
  const isRefused = isUpload(request) ? unread > 0 : unread > routeOptions.bodyLimit;
  if (announcesBody(raw) && isRefused) lingerThenClose(raw);
}

function logRequest(request: FastifyRequest, reply: FastifyReply): void {
  const { method, url, ip } = request;
  const line = {
    method,
    path: url.split('?', 1)[0],
    status: reply.statusCode,
    ms: Math.round(reply.elapsedTime),
    ip,
  };
  const level = request.routeOptions.config.access === 'public' ? 'debug' : 'info'; // installed apps check all day
  request.log[level](line, 'request');
}
