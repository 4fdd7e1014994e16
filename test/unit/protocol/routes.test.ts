import { describe, expect, test } from 'vitest';
import { SCOPES } from '../../../src/protocol/access/scope.ts';
import { PathParameters } from '../../../src/protocol/messages.ts';
import {
  API_ROOT,
  pathOf,
  type Route,
  type RouteName,
  routes,
  withoutEndSlashes,
} from '../../../src/protocol/routes.ts';
import { documentedJson, documentedRequests } from '../../support/docs/api-document.ts';

/** Routes that api.md does not have, each with who may call it. */
const OURS = {
  capabilities: 'public',
  getApp: 'release:read',
  stats: 'release:read',
  explain: 'release:read',
  simulate: 'release:read',
  updateRelease: ['release:upload', 'release:publish', 'release:yank', 'release:edit'],
  publishRelease: 'release:publish',
  promoteRelease: 'release:publish',
  completeUpload: 'release:upload',
  exchangeIdentity: 'public',
  latest: 'public',
  latestJson: 'public',
  electronFeed: 'public',
  electronFile: 'public',
  sparkleFeed: 'public',
  winsparkleFeed: 'public',
  velopackFeed: 'public',
  putManifest: ['release:upload', 'release:publish', 'release:edit'],
  readManifest: 'release:read',
  manifest: 'public',
  putAttestation: ['release:upload', 'release:publish'],
  readAttestation: 'release:read',
  attestation: 'public',
  events: 'public',
  upload: 'signed-url',
  uploadPart: 'signed-url',
  storedFile: 'signed-url',
} satisfies { [Name in RouteName]?: Route['access'] };

const all = Object.entries(routes) as [RouteName, Route][];
const lineOf = ({ method, path }: { method: string; path: string }) => `${method} ${path}`;

const documented = documentedRequests.filter(({ path }) => path.includes('{'));
const examples = documentedRequests.filter(({ path }) => !path.includes('{'));

describe('routes', () => {
  test('api.md still has the request lines that these tests expect', () => {
    expect(documented.map(lineOf)).toEqual([
      'PUT /api/sync/ota/apps/{app_id}/slug',
      'POST /api/sync/ota/apps/{app_id}/releases',
      'POST /api/sync/ota/apps/{app_id}/releases/{release_id}/artifacts',
      'GET /api/sync/ota/{slug}/{target}/{arch}/{current_version}',
      'GET /api/sync/ota/{slug}/download/{release_id}/{target}/{arch}',
      'GET /api/sync/ota/apps/{app_id}/releases',
      'DELETE /api/sync/ota/apps/{app_id}/releases/{release_id}',
    ]);
    expect(examples.map(lineOf)).toEqual(['GET /api/sync/ota/my-app/darwin/aarch64/1.1.0']);
  });

  test.each(documented)('have $method $path, with a token if api.md shows one', (request) => {
    const found = all.filter(([, route]) => lineOf(route) === lineOf(request)).map(([, route]) => route);
    expect(found).toHaveLength(1);
    expect(
      found.map(({ access }) => [access].flat().every((one) => SCOPES.some((scope) => scope === one))),
    ).toEqual([request.authorized]);
    if (!request.authorized) expect(found.map(({ access }) => access)).toEqual(['public']);
  });

  test('have nothing beyond api.md but the listed ones, with the listed access', () => {
    const lines = documented.map(lineOf);
    const undocumented = all.filter(([, route]) => !lines.includes(lineOf(route)));
    expect(Object.fromEntries(undocumented.map(([name, { access }]) => [name, access]))).toEqual(OURS);
  });

  test('let no token with read access change anything', () => {
    // A simulation has its question in its body.
    const writing = all.filter(([name, { method }]) => method !== 'GET' && name !== 'simulate');
    expect(writing).toHaveLength(14);
    for (const [name, { access }] of writing) {
      expect([access].flat(), name).not.toContain('release:read');
      if (name !== 'exchangeIdentity' && name !== 'events')
        expect([access].flat(), name).not.toContain('public');
    }
  });

  test('never match the same requests twice', () => {
    const shapes = all.map(([, route]) => lineOf(route).replaceAll(/\{\w+\}/g, '{}'));
    expect(shapes).toHaveLength(new Set(shapes).size);
  });

  test.each(all)('%s is below the API root and names only parameters that have a schema', (_, route) => {
    expect(route.path === API_ROOT || route.path.startsWith(`${API_ROOT}/`)).toBe(true);
    const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(Object.keys(PathParameters)).toEqual(expect.arrayContaining(names));
  });
});

describe('pathOf', () => {
  test('builds the example request of "Update Check Endpoint"', () => {
    const path = pathOf('check', {
      slug: 'my-app',
      target: 'darwin',
      arch: 'aarch64',
      current_version: '1.1.0',
    });
    expect(examples.map((example) => example.path)).toEqual([path]);
  });

  test('builds the path of the url in "Update Available (200)"', () => {
    const path = pathOf('download', {
      slug: 'my-app',
      release_id: '880b1700-...',
      target: 'darwin',
      arch: 'aarch64',
    });
    const update = documentedJson.find(({ heading }) => heading === 'Update Available (200)');
    expect(update?.value).toMatchObject({ url: `https://makenot.work${path}` });
  });

  test.each(all)('fills every parameter of %s', (name, route) => {
    const values = Object.fromEntries(Object.keys(PathParameters).map((key) => [key, `a ${key}`]));
    const path = pathOf(name, values as Parameters<typeof pathOf>[1]);
    expect(decodeURIComponent(path)).toBe(route.path.replaceAll(/\{(\w+)\}/g, 'a $1'));
  });

  test.each([
    ['+', '%2B'],
    ['/', '%2F'],
    ['\\', '%5C'],
    ['?', '%3F'],
    ['#', '%23'],
    ['%', '%25'],
    ['%2F', '%252F'],
    [' ', '%20'],
    ['&', '%26'],
    ['\u00fc', '%C3%BC'],
    ['\u{1f389}', '%F0%9F%8E%89'],
    ['\n', '%0A'],
  ])('encodes %j as %s, so that it stays inside its segment', (raw, encoded) => {
    const path = pathOf('deleteRelease', { app_id: `a${raw}b`, release_id: '1.2.0+7' });
    expect(path).toBe(`/api/sync/ota/apps/a${encoded}b/releases/1.2.0%2B7`);
    expect(new URL(path, 'https://example.test').pathname).toBe(path);
  });

  test.each([
    ['https://example.com/ota//', 'https://example.com/ota'],
    ['/a/b', '/a/b'],
    ['/', ''],
    ['', ''],
    ['a//b/', 'a//b'],
  ])('follow %j without the slashes at its end', (text, expected) => {
    expect(withoutEndSlashes(text)).toBe(expected);
  });

  test('does not expand braces in a value', () => {
    const path = pathOf('deleteRelease', { app_id: '{release_id}', release_id: '$&' });
    expect(path).toBe('/api/sync/ota/apps/%7Brelease_id%7D/releases/%24%26');
  });
});
