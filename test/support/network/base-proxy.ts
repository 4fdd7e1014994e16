import type { RouteName } from '../../../src/protocol/routes.ts';
import type { Answer, Fault } from './fault.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { routeOf } from './route-of.ts';

/** Routes and fields beyond api.md. */
const EXTENSIONS: readonly RouteName[] = ['capabilities', 'getApp', 'updateRelease', 'publishRelease'];
const DOCUMENTED_FIELDS = [
  ...['id', 'version', 'notes', 'signature', 'pub_date', 'created_at'],
  ...['upload_url', 's3_key', 'url', 'slug'],
];

/** Turns our server into a base server: routes beyond api.md are not found, and fields are left out. */
export async function startBaseProxy(target: string): Promise<FaultProxy> {
  const proxy = await startFaultProxy(target);
  proxy.inject = (request): Fault =>
    EXTENSIONS.includes(routeOf(request))
      ? { at: 'before', outcome: json(404, { error: 'not found' }) }
      : { at: 'applied', outcome: withoutExtensions };
  return proxy;
}

function withoutExtensions(answer: Answer): Answer {
  const { 'repr-digest': _, 'synckit-app-tag': __, ...headers } = answer.headers;
  if (!headers['content-type']?.includes('json')) return { ...answer, headers };
  if (answer.status >= 400) return json(answer.status, { error: 'refused' });
  const value: unknown = JSON.parse(Buffer.from(answer.body).toString());
  return json(answer.status, Array.isArray(value) ? value.map(documented) : documented(value));
}

function documented(value: unknown): unknown {
  const fields = Object.entries(value as object).filter(([name]) => DOCUMENTED_FIELDS.includes(name));
  return Object.fromEntries(fields);
}

function json(status: number, value: unknown): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(value)),
  };
}
