import { randomUUID } from 'node:crypto';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { TSchema } from 'typebox';
import { MAX_JSON_BODY_BYTES } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { API_ROOT, withoutEndSlashes } from '../../protocol/routes.ts';
import { fieldErrors, matches } from '../../protocol/validate.ts';
import { Connections } from '../limits/connections.ts';
import { createGuardedServer, type FastPath } from '../limits/guarded-server.ts';
import { answerParserError } from '../limits/parser-errors.ts';
import { isUpload, limitBodyTime } from '../limits/request-body.ts';
import { RequestLimits } from '../limits/request-limits.ts';
import { DEFAULT_LIMITS } from '../limits/server-limits.ts';
import { RequestLog } from '../request-log.ts';
import type { Services } from '../services.ts';
import { createAuthenticator, createRefusalHook } from './auth.ts';
import { clientAddressReader, trustedHops } from './client-address.ts';
import { CORS_HEADERS } from './cors.ts';
import { createErrorHandler, InvalidRequest } from './error-reply.ts';
import { withCanonicalNames, withRepeated } from './lenient-names.ts';
import { warnOnceOfOtherHost } from './other-host.ts';
import { secure } from './security-headers.ts';

export interface HttpServerOptions {
  readonly logger: FastifyBaseLogger;
  readonly fastPath: FastPath;
}

/** The HTTP server without its routes: parsing, validation, access, errors and the log. */
export function createHttpServer(
  services: Services,
  { logger, fastPath }: HttpServerOptions,
): FastifyInstance {
  const handleError = createErrorHandler(services.onDurabilityLost, services.counters);
  const isTrusted = trustedHops(services.trustProxy);
  const addressOf = clientAddressReader(isTrusted);
  const { limits = DEFAULT_LIMITS } = services;
  const connections = new Connections({ limits, isTrusted, logger });
  const requestLimits = new RequestLimits(limits, addressOf);
  const requestLog = new RequestLog();
  const app = fastify({
    loggerInstance: logger,
    // `RequestLog` writes one line per request, without the query, which holds signatures
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(), // the audit log names it, so it has to be unique over all processes and time
    bodyLimit: MAX_JSON_BODY_BYTES,
    exposeHeadRoutes: false, // `registerRoute` does: the framework would give 204 and 304 a length
    serverFactory: (handle) => createGuardedServer(handle, { fastPath, connections }),
    clientErrorHandler: (error, socket) => answerParserError(error, socket, connections),
    return503OnClosing: false, // requests that arrive while draining are still answered
    routerOptions: {
      maxParamLength: 16_384, // a value that is too long gets a 400 that names it, not a 404
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
    },
    frameworkErrors: handleError,
  });
  app.setValidatorCompiler<TSchema>(({ schema, httpPart }) => (data) => {
    if (matches(schema, data)) return { value: httpPart === 'querystring' ? named(schema, data) : data };
    const errors = withCanonicalNames(fieldErrors(schema, data), data);
    return {
      error: new InvalidRequest(...(httpPart === 'querystring' ? withRepeated(errors, data) : errors)),
    };
  });
  acceptOnlyJson(app);
  app.setErrorHandler(handleError);
  app.addHook('onRoute', ({ config, url }) => {
    if (config?.access === undefined) throw new Error(`${url} declares no access`);
  });
  app.addHook('onRequest', async (request, reply) => {
    connections.started(request.raw.socket, reply.raw);
    if (request.routeOptions.config.cors) reply.headers(CORS_HEADERS); // of errors too
    requireValidHead(request);
    // Without its body, which may never arrive.
    if (request.is404) throw new Problem('not_found', noRoute(request, services.publicUrl()));
  });
  app.addHook('onRequest', createAuthenticator(services, addressOf));
  app.addHook('onError', createRefusalHook(services));
  app.addHook('preParsing', async (request, reply) => {
    // Only now is the request known to be allowed. An upload's handler invites the body itself, once it can be taken.
    await requestLimits.enter(request, reply);
    limitBodyTime(request, reply.raw);
    if (request.headers.expect !== undefined && !isUpload(request)) reply.raw.writeContinue();
  });
  app.addHook('onSend', async (_request, reply) => {
    secure(reply);
    // Caches may store a response without this header, a 404 above all.
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  });
  app.addHook('onResponse', async (request, reply) => {
    requestLog.log(request, reply, addressOf(request.raw));
  });
  warnOnceOfOtherHost(app, services.publicUrl);
  return app;
}

/** RFC 9112, section 3.2, and RFC 9110, section 10.1.1. */
function requireValidHead({ raw, headers }: FastifyRequest): void {
  const hosts = raw.rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length;
  if (raw.httpVersionMajor < 1)
    throw new Problem('invalid_request', 'This version of HTTP is not supported.');
  if (hosts > 1 || (hosts === 0 && raw.httpVersion === '1.1')) {
    throw new Problem('invalid_request', 'A request has exactly one header Host.');
  }
  if (headers.expect !== undefined && !/^100-continue$/i.test(headers.expect)) {
    throw new Problem('expectation_failed', 'The only expectation that this server meets is 100-continue.');
  }
}

/**
 * Of a valid query the parameters that its schema names: any others were not validated, and must not pass for a parameter
 * of the path where a handler puts both together.
 */
function named(schema: TSchema, query: unknown): unknown {
  const { properties }: { properties?: object } = schema;
  const entries = Object.entries(query ?? {});
  return Object.fromEntries(entries.filter(([name]) => Object.hasOwn(properties ?? {}, name)));
}

function acceptOnlyJson(app: FastifyInstance): void {
  app.removeContentTypeParser('text/plain');
  const parseJson = app.getDefaultJsonParser('error', 'error');
  // Many clients send the type with an empty body too; a route that needs a body requires it by its schema.
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null, undefined) : parseJson(request, body, done),
  );
}

function noRoute({ url }: FastifyRequest, publicUrl: string): string {
  const [path = ''] = url.split('?', 1);
  const prefix = withoutEndSlashes(new URL(publicUrl).pathname);
  const beginsWith = (start: string) => `${path}/`.startsWith(`${start}/`);
  const isKept = beginsWith(prefix + API_ROOT) || (beginsWith(prefix) && !beginsWith(API_ROOT));
  if (prefix !== '' && isKept) {
    return `There is no route for this path: it begins with ${prefix}, the path of the public URL, which a proxy in front of this server has to remove.`;
  }
  if (path.lastIndexOf(API_ROOT) > 0) {
    return `There is no route for this path: it has to begin with ${API_ROOT}, so a proxy in front of this server has to remove what comes before that.`;
  }
  return 'There is no route for this method and path.';
}
