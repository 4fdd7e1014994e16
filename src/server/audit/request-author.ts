import type { FastifyRequest } from 'fastify';
import type { Actor, Attribution } from '../../database/attribution.ts';
import type { PendingUpload } from '../../database/queries/artifacts.ts';
import type { Services } from '../services.ts';

/** Where a request comes from. */
export type Origin = Pick<Actor, 'address' | 'requestId'>;

export const NO_ORIGIN: Origin = { address: null, requestId: null };

declare module 'fastify' {
  interface FastifyRequest {
    /** Of a request that is not public. */
    origin?: Origin;
    /** The holder of the token that the request was made with. */
    actor?: Actor;
  }
}

/** Who makes the change that a request asks for. */
export function authorOf({ actor, routeOptions }: FastifyRequest, { clock }: Services): Attribution {
  if (actor === undefined) throw new Error(`${routeOptions.url} knows no token`);
  return { actor, now: clock() };
}

/** Who made an upload: the holder of the token that announced it. */
export function uploaderOf({ announcedBy }: PendingUpload, origin: Origin = NO_ORIGIN): Actor {
  return announcedBy === null
    ? { kind: 'server', id: null, name: null, ...origin }
    : { kind: 'token', ...announcedBy, ...origin };
}
