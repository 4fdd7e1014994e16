import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { databaseFailure, isDurabilityLost } from '../../database/database-error.ts';
import { OtaError } from '../../errors.ts';
import { type FieldError, PROBLEM_CONTENT_TYPE, Problem } from '../../protocol/problem.ts';

/** What the request validator rejects with: `validation` is Fastify's word for it. */
export class InvalidRequest extends Error {
  readonly errors: readonly FieldError[];

  constructor(errors: readonly FieldError[]) {
    super('invalid request');
    this.errors = errors;
  }
}

/** The one place that turns whatever a handler or the framework threw into an answer (RFC 9457). */
export function replyWithProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  onDurabilityLost: (cause: Error) => void,
): void {
  const failure = databaseFailure(error) ?? (error as Error);
  const problem = toProblem(failure, request);
  if (problem.status >= 500) request.log.error({ err: failure }, 'request failed');
  if (problem.code === 'unavailable') reply.header('retry-after', '5');
  reply.code(problem.status).type(PROBLEM_CONTENT_TYPE).send(JSON.stringify(problem.toBody()));
  if (isDurabilityLost(failure)) onDurabilityLost(failure);
}

function toProblem(error: unknown, request: FastifyRequest): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof InvalidRequest) return invalidRequest(error.errors);
  if (error instanceof OtaError) {
    return error.code === 'no_space'
      ? new Problem('insufficient_storage', 'The server has no room for this now.')
      : new Problem('unavailable', 'The server cannot reach its store now.');
  }
  return frameworkProblem(error as FastifyError, request);
}

function frameworkProblem(error: Partial<FastifyError>, { routeOptions }: FastifyRequest): Problem {
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
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) {
    return new Problem('invalid_request', `The request cannot be read: ${error.message ?? status}.`);
  }
  return new Problem('internal', 'Something went wrong in the server; its log says what.');
}

function invalidRequest(errors: readonly FieldError[]): Problem {
  const detail = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
  return new Problem('invalid_request', `${detail}.`, errors);
}
