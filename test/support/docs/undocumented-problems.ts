import type { FastifyInstance } from 'fastify';
import { problemsOf } from '../../../src/protocol/openapi/route-answers.ts';
import { PROBLEM_CONTENT_TYPE, ProblemBody } from '../../../src/protocol/problem.ts';
import type { RouteName } from '../../../src/protocol/routes.ts';
import { matches } from '../../../src/protocol/validate.ts';

/** Collects the problems that routes of a server answer, and that neither the OpenAPI document nor its page has. */
export function undocumentedProblems(app: FastifyInstance): ReadonlySet<string> {
  const found = new Set<string>();
  app.addHook('onSend', async (request, reply, payload) => {
    const name: RouteName | undefined = request.routeOptions.config.route;
    const type = String(reply.getHeader('content-type') ?? '');
    if (name === undefined || !type.startsWith(PROBLEM_CONTENT_TYPE)) return payload;
    const body: unknown = JSON.parse(String(payload));
    const documented: readonly (string | undefined)[] = problemsOf(name);
    if (matches(ProblemBody, body) && !documented.includes(body.code)) found.add(`${name}: ${body.code}`);
    return payload;
  });
  return found;
}
