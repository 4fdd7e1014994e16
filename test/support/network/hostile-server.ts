import { EXTENSIONS } from '../../../src/protocol/extensions.ts';
import { API_ROOT } from '../../../src/protocol/routes.ts';
import { listenHttp } from './loopback-server.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** The place of a text in a document: its route, and the names and indexes that lead to it. */
export interface TextPlace {
  readonly route: string;
  readonly path: readonly (string | number)[];
}

const KEY =
  'untrusted comment: minisign public key: 1\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3';

const ARTIFACT = {
  ...{ target: 'linux', arch: 'x86_64', bundle_type: 'appimage', file_size: 5, sha256: 'ab'.repeat(32) },
  ...{ signature: 's', job: 'build', attempt: 1, file_name: 'App.AppImage' },
};

const RELEASE = {
  ...{ id: 'r1', version: '1.2.0', notes: 'Notes', signature: 's', status: 'published', channel: 'stable' },
  ...{ pub_date: '2026-03-13T12:00:00Z', created_at: '2026-03-13T12:00:00Z', requires: '1.0.0' },
  ...{
    expect: ['linux-x86_64'],
    uploading: ['linux-x86_64'],
    signing_key_id: 'AB'.repeat(8),
    embedded_pubkey: KEY,
  },
  artifacts: [ARTIFACT],
};

const DELETED = {
  ...{ version: '1.1.0', target: 'linux', arch: 'x86_64', sha256: 'cd'.repeat(32) },
  channel: 'stable',
};

/** What a server of ours may answer, by what stands at the end of a route. */
function documentsOf(origin: string): Readonly<Record<string, Json>> {
  const url = `${origin}/file`;
  return {
    capabilities: {
      ...{ name: 'synckit-ota', version: '0.1.0', extensions: [...EXTENSIONS], public_url: origin },
    },
    app: {
      ...{ id: 'a1', name: 'App', slug: 'my-app', pubkey: null, scopes: ['release:read', 'release:write'] },
      ...{ releases: [RELEASE], deleted: [DELETED] },
    },
    list: [RELEASE],
    release: RELEASE,
    artifact: { upload_url: url, upload_id: 'u1', s3_key: 'k', sha256: 'ab'.repeat(32), signature: 's' },
    check: {
      ...{ version: '1.3.0', url, signature: 's', notes: 'Notes', pub_date: '2026-03-13T12:00:00Z' },
      platforms: { 'linux-x86_64': { url, signature: 's' } },
    },
    problem: {
      ...{ type: 'about:blank', title: 'Conflict', status: 409, code: 'immutable', detail: 'It exists' },
      errors: [{ field: 'version', message: 'is wrong' }],
    },
  };
}

/** Every text that the server may say something hostile in. */
export function textPlaces(): TextPlace[] {
  return Object.entries(documentsOf('http://127.0.0.1')).flatMap(([route, document]) =>
    pathsIn(document).map((path) => ({ route, path })),
  );
}

function pathsIn(value: Json): (string | number)[][] {
  if (typeof value === 'string') return [[]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => pathsIn(inner).map((path) => [name, ...path]));
}

function withText(value: Json, [step, ...rest]: readonly (string | number)[], text: string): Json {
  if (step === undefined) return text;
  if (Array.isArray(value))
    return value.map((inner, index) => (String(index) === step ? withText(inner, rest, text) : inner));
  return Object.fromEntries(
    Object.entries(value ?? {}).map(([name, inner]) => [
      name,
      name === step ? withText(inner, rest, text) : inner,
    ]),
  );
}

/** A server that says a text in one place, or in every place of a kind. @param refuses whether it refuses to change anything */
export async function startHostileServer(
  text: string,
  places: readonly TextPlace[],
  refuses = false,
): Promise<URL> {
  return listenHttp((request, response) => {
    const documents = documentsOf(`http://${request.headers.host}`);
    const path = (request.url ?? '').split('?')[0] ?? '';
    const isChange = request.method !== 'GET';
    const route = refuses && isChange ? 'problem' : routeOf(path, isChange);
    const document = places
      .filter((place) => place.route === route)
      .reduce((value, place) => withText(value, place.path, text), documents[route] ?? null);
    request.resume().on('end', () => {
      if (route === 'file') response.end('bytes');
      else if (request.method === 'DELETE' && route !== 'problem') response.writeHead(204).end();
      else {
        const type = route === 'problem' ? 'application/problem+json' : 'application/json';
        response
          .writeHead(route === 'problem' ? 409 : 200, { 'content-type': type })
          .end(JSON.stringify(document));
      }
    });
  });
}

function routeOf(path: string, isChange: boolean): string {
  if (path === '/file') return 'file';
  if (path === API_ROOT) return 'capabilities';
  if (/\/apps\/[^/]+$/.test(path)) return 'app';
  if (path.endsWith('/artifacts')) return 'artifact';
  if (path.endsWith('/releases')) return isChange ? 'release' : 'list';
  return path.includes('/apps/') ? 'release' : 'check';
}
