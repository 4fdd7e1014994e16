import type { FastifyInstance, HTTPMethods } from 'fastify';
import { Problem } from '../../protocol/problem.ts';
import { type Route, routes } from '../../protocol/routes.ts';
import { PREFLIGHT_HEADERS } from './cors.ts';
import { isOpenToScripts, urlOf } from './register-route.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const satisfies HTTPMethods[];

/** Paths outside the API that are only read: by machines around the server, or by scripts on any website too. */
export interface PathsOutside {
  readonly machines: readonly string[];
  readonly scripts: readonly string[];
}

/** Registers what a path answers to methods that no route has: `OPTIONS` lists the others, the rest get a 405. */
export function registerOtherMethods(app: FastifyInstance, { machines, scripts }: PathsOutside): void {
  const byUrl = new Map<string, Route[]>();
  for (const path of machines) byUrl.set(path, [{ method: 'GET', path, access: 'app:admin' }]); // not for scripts
  for (const path of scripts) byUrl.set(path, [{ method: 'GET', path, access: 'public' }]);
  for (const route of Object.values<Route>(routes)) {
    const url = urlOf(route.path);
    // Some routes are for one kind of storage.
    if (app.hasRoute({ method: route.method, url })) byUrl.set(url, [...(byUrl.get(url) ?? []), route]);
  }
  for (const [url, here] of byUrl) {
    const known = methodsOf(here);
    const allow = [...known, 'OPTIONS'].join(', ');
    const open = methodsOf(here.filter(isOpenToScripts)).join(', ');
    const preflight = open === '' ? {} : { ...PREFLIGHT_HEADERS, 'access-control-allow-methods': open };
    app.route({
      method: 'OPTIONS',
      url,
      config: { access: 'public' },
      handler: async (_request, reply) => reply.code(204).header('allow', allow).headers(preflight).send(),
    });
    app.route({
      method: METHODS.filter((method) => !known.includes(method)),
      url,
      config: { access: 'public' },
      onRequest: async (_request, reply) => refuse(reply.header('allow', allow)),
      handler: refuse,
    });
  }
}

function methodsOf(some: readonly Route[]): string[] {
  return some.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : method));
}

/** Before the body is read. */
async function refuse(_reply: unknown): Promise<never> {
  throw new Problem(
    'method_not_allowed',
    'This path has no such method; the header Allow names those it has.',
  );
}
