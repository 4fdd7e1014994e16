import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static, type TSchema } from 'typebox';
import { PathParameters } from '../../protocol/messages.ts';
import { type Access, type RouteName, type RouteParameters, routes } from '../../protocol/routes.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    route?: RouteName;
  }
}

/** A request whose path parameters, query and body are what the route and its schema say. */
export interface RouteRequest<Name extends RouteName, Body extends TSchema, Query extends TSchema> {
  readonly params: RouteParameters<Name>;
  readonly query: Static<Query>;
  readonly body: Static<Body>;
  readonly raw: FastifyRequest;
}

export interface RouteOptions<Name extends RouteName, Body extends TSchema, Query extends TSchema> {
  readonly body?: Body;
  readonly query?: Query;
  /** Largest body accepted, in bytes, where that is not the usual one. */
  readonly bodyLimit?: number;
  readonly handle: (request: RouteRequest<Name, Body, Query>, reply: FastifyReply) => Promise<unknown>;
}

/** Registers a route of `protocol/routes.ts`: its method, path, access and the validation of what comes in. */
export function registerRoute<
  Name extends RouteName,
  Body extends TSchema = TSchema,
  Query extends TSchema = TSchema,
>(
  app: FastifyInstance,
  name: Name,
  { body, query, bodyLimit, handle }: RouteOptions<Name, Body, Query>,
): void {
  const { method, path, access } = routes[name];
  app.route({
    method,
    url: path.replace(/\{(\w+)\}/g, ':$1'),
    config: { access, route: name },
    ...(bodyLimit !== undefined && { bodyLimit }),
    schema: { params: parametersOf(path), ...(body && { body }), ...(query && { querystring: query }) },
    handler: async (raw, reply) =>
      handle(
        {
          params: raw.params as RouteParameters<Name>,
          query: raw.query as Static<Query>,
          body: raw.body as Static<Body>,
          raw,
        },
        reply,
      ),
  });
}

function parametersOf(path: string): TSchema {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as keyof typeof PathParameters);
  return Type.Object(Object.fromEntries(names.map((name) => [name, PathParameters[name]])));
}
