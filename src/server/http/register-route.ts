import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static, type TSchema } from 'typebox';
import { PathParameters } from '../../protocol/messages.ts';
import {
  type Access,
  type ParameterName,
  type Route,
  type RouteName,
  routes,
} from '../../protocol/routes.ts';
import { matches } from '../../protocol/validate.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    route?: RouteName;
    /** Whether scripts on any website may read the response. */
    cors?: boolean;
  }
}

/** A route's path parameters, decoded and valid by their schemas. */
export type ValidParameters<Name extends RouteName> = {
  readonly [Key in ParameterName<Name>]: Static<(typeof PathParameters)[Key]>;
};

/** A request with path parameters, query and body that are valid by the route's schemas. */
export interface RouteRequest<Name extends RouteName, Body extends TSchema, Query extends TSchema> {
  readonly params: ValidParameters<Name>;
  readonly query: Static<Query>;
  readonly body: Static<Body>;
  readonly raw: FastifyRequest;
}

export interface RouteOptions<Name extends RouteName, Body extends TSchema, Query extends TSchema> {
  readonly body?: Body;
  readonly query?: Query;
  /** Largest body accepted, in bytes. Default: `MAX_JSON_BODY_BYTES`. */
  readonly bodyLimit?: number;
  /** What to do with a request before it is validated. */
  readonly before?: (request: FastifyRequest) => Promise<void>;
  readonly handle: (request: RouteRequest<Name, Body, Query>, reply: FastifyReply) => Promise<unknown>;
}

/** Registers a route of `protocol/routes.ts`: its method, path, access and validation. */
export function registerRoute<
  Name extends RouteName,
  Body extends TSchema = TSchema,
  Query extends TSchema = TSchema,
>(
  app: FastifyInstance,
  name: Name,
  { body, query, bodyLimit, before, handle }: RouteOptions<Name, Body, Query>,
): void {
  const { method, path, access } = routes[name];
  app.route({
    method: method === 'GET' ? ['GET', 'HEAD'] : method,
    url: urlOf(path),
    config: { access, route: name, cors: isOpenToScripts(routes[name]) },
    ...(before && { preValidation: before }),
    ...(bodyLimit !== undefined && { bodyLimit }),
    schema: { params: parameterSchema(name), ...(body && { body }), ...(query && { querystring: query }) },
    handler: async (raw, reply) =>
      handle(
        {
          // Fastify has validated all three by the schemas above; its types cannot say so.
          params: raw.params as ValidParameters<Name>,
          query: raw.query as Static<Query>,
          body: raw.body as Static<Body>,
          raw,
        },
        reply,
      ),
  });
}

/** A route's path as the framework writes it: `/apps/:app_id`. */
export function urlOf(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

/** Scripts on any website may read what needs no token, and apps report from the page that they are. */
export function isOpenToScripts({ method, access, path }: Route): boolean {
  if (path === routes.events.path) return true;
  return method === 'GET' && (access === 'public' || access === 'signed-url');
}

/** Whether path parameters are valid by the schemas of a route. */
export function isValidFor<Name extends RouteName>(
  name: Name,
  params: unknown,
): params is ValidParameters<Name> {
  return matches(parameterSchema(name), params);
}

function parameterSchema(name: RouteName): TSchema {
  const { path } = routes[name];
  const used = Object.entries(PathParameters).filter(([parameter]) => path.includes(`{${parameter}}`));
  return Type.Object(Object.fromEntries(used));
}
