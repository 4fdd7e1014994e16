import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { databaseFailure } from '../../database/database-error.ts';
import { OtaError } from '../../errors.ts';
import { type FieldError, PROBLEM_CONTENT_TYPE, Problem } from '../../protocol/problem.ts';
import { errorCode } from '../../runtime/error-details.ts';
import { reportLostDurability } from '../lost-durability.ts';
import type { ServerCounters } from '../metrics/server-counters.ts';
import { UnavailableLog } from '../unavailable-log.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

/** Fields of a request that are not valid: by their schemas, or by what a handler requires besides. */
export class InvalidRequest extends Error {
  readonly errors: readonly FieldError[];

  constructor(...errors: readonly FieldError[]) {
    super('invalid request');
    this.errors = errors;
  }
}

/**
 * The one place that turns whatever a handler or the framework threw into a response (RFC 9457).
 * @param onDurabilityLost called after the response, when nothing may be acknowledged any more
 */
export function createErrorHandler(
  onDurabilityLost: (cause: Error) => void,
  counters?: Pick<ServerCounters, 'refusals'>,
) {
  const unavailable = new UnavailableLog();
  return function handleError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const error = databaseFailure(thrown) ?? thrown;
    const problem = toProblem(error, request);
    counters?.refusals.count(problem.code);
    if (problem.code === 'unavailable' && error instanceof Error) unavailable.failed(error, request.log);
    else if (problem.status >= 500 && problem.code !== 'digest_pending')
      request.log.error({ err: error }, 'request failed');
    if (problem.status === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', '5');
    reply.headers(SECURITY_HEADERS); // what the framework itself refuses passes no hook
    reply.code(problem.status).type(PROBLEM_CONTENT_TYPE).send(JSON.stringify(problem.toBody()));
    reportLostDurability(error, { onDurabilityLost });
  };
}

function toProblem(error: unknown, request: FastifyRequest): Problem {
  if (error instanceof Problem) return error;
  if (isOutOfDescriptors(error)) {
    return new Problem('unavailable', 'The server has as many files open as it can.');
  }
  if (error instanceof InvalidRequest) return invalidRequest(error.errors);
  if (error instanceof OtaError) {
    return error.code === 'no_space'
      ? new Problem('insufficient_storage', 'The storage of the server is full.')
      : new Problem('unavailable', 'The database or the storage is unavailable.');
  }
  return isFastifyError(error) ? frameworkProblem(error, request) : internalProblem();
}

/** Whatever tried to open a file or a connection. */
function isOutOfDescriptors(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (['EMFILE', 'ENFILE'].includes(errorCode(cause) ?? '')) return true;
  }
  return false;
}

function frameworkProblem(error: FastifyError, { routeOptions }: FastifyRequest): Problem {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Problem('too_large', `A JSON body may have at most ${routeOptions.bodyLimit} bytes.`);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Problem('unsupported_media_type', 'Send the body as application/json.');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return invalidRequest([{ field: 'body', message: 'is required' }]);
    case 'FST_ERR_BAD_URL':
      return new Problem('invalid_request', 'The URL is not percent-encoded correctly.');
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return invalidRequest([{ field: 'body', message: 'is not valid JSON' }]);
    default:
      break;
  }
  const { statusCode = 500, message } = error;
  if (statusCode < 400 || statusCode >= 500) return internalProblem();
  return new Problem('invalid_request', `The request cannot be read: ${message || statusCode}.`);
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number';
}

function internalProblem(): Problem {
  return new Problem('internal', 'The server failed unexpectedly; its log has the details.');
}

function invalidRequest(errors: readonly FieldError[]): Problem {
  const detail = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
  return new Problem('invalid_request', `${detail}.`, errors);
}
