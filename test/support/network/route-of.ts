import { type RouteName, routes } from '../../../src/protocol/routes.ts';
import type { ProxiedRequest } from './fault.ts';

const PATTERNS = (Object.keys(routes) as RouteName[]).map((name) => {
  const { method, path } = routes[name];
  return { name, method, pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/?]+')}(\\?|$)`) };
});

/** The route that a request is for. */
export function routeOf({ method, url }: Pick<ProxiedRequest, 'method' | 'url'>): RouteName {
  const route = PATTERNS.find((candidate) => candidate.method === method && candidate.pattern.test(url));
  if (route === undefined) throw new Error(`${method} ${url} is for no route`);
  return route.name;
}
