import { type DefaultBodyType, type HttpHandler, HttpResponse, http } from 'msw';
import { API_ROOT } from '../../../src/protocol/routes.ts';
import { compareVersions } from '../../../src/protocol/version.ts';

export const SERVER = 'https://ota.example';
export const BUCKET = 'https://s3.example';
export const APP_ID = 'app-1';
const APP = `${SERVER}${API_ROOT}/apps/${APP_ID}`;

interface Release {
  readonly id: string;
  readonly version: string;
  readonly notes: string;
  readonly signature: string;
}

/** A server that knows api.md only, with its bucket. Its state can be read and changed. */
export class BaseServer {
  slug: string | undefined;
  releases: Release[] = [];
  /** Bytes by `s3_key`. */
  readonly bucket = new Map<string, Buffer>();

  /** In the order of api.md. Handlers before these take precedence. */
  readonly handlers: HttpHandler[] = [
    http.put(`${APP}/slug`, async ({ request }) => {
      this.slug = ((await request.json()) as { slug: string }).slug;
      return HttpResponse.json({ slug: this.slug });
    }),
    http.post(`${APP}/releases`, async ({ request }) =>
      this.createRelease((await request.json()) as Release),
    ),
    http.post(`${APP}/releases/:id/artifacts`, async ({ request, params }) => {
      const { target, arch } = (await request.json()) as { target: string; arch: string };
      const key = this.#key(String(params.id), target, arch);
      return HttpResponse.json({ upload_url: `${BUCKET}/${key}?X-Amz-Signature=secret`, s3_key: key });
    }),
    http.put(`${BUCKET}/*`, async ({ request }) => {
      this.bucket.set(keyOf(request), Buffer.from(await request.arrayBuffer()));
      return new HttpResponse();
    }),
    http.get(`${BUCKET}/*`, ({ request }) => {
      const bytes = this.bucket.get(keyOf(request));
      return bytes ? HttpResponse.arrayBuffer(new Uint8Array(bytes).buffer) : notFound();
    }),
    http.get(`${SERVER}${API_ROOT}/:slug/download/:id/:target/:arch`, ({ params }) => {
      const key = this.#key(String(params.id), String(params.target), String(params.arch));
      if (params.slug !== this.slug || !this.bucket.has(key)) return notFound();
      return new HttpResponse(null, {
        status: 302,
        headers: { location: `${BUCKET}/${key}?X-Amz-Signature=s` },
      });
    }),
    http.get(`${APP}/releases`, () => HttpResponse.json({ releases: this.releases })),
    http.get(`${SERVER}${API_ROOT}/:slug/:target/:arch/:version`, ({ params }) => {
      const [latest] = [...this.releases].sort((a, b) => compareVersions(b.version, a.version));
      if (params.slug !== this.slug) return notFound();
      if (!latest || compareVersions(latest.version, decodeURIComponent(String(params.version))) <= 0) {
        return new HttpResponse(null, { status: 204 });
      }
      const { id, version, signature, notes } = latest;
      const url = `${SERVER}${API_ROOT}/${this.slug}/download/${id}/${params.target}/${params.arch}`;
      return HttpResponse.json({ version, url, signature, notes, pub_date: '2026-03-13T12:00:00Z' });
    }),
    http.get(`${SERVER}${API_ROOT}`, () => notFound()),
  ];

  createRelease({ version, notes, signature }: Omit<Release, 'id'>): Response {
    if (this.releases.some((release) => release.version === version)) {
      return HttpResponse.json({ error: 'exists' }, { status: 409 });
    }
    const release = { id: `release-${this.releases.length + 1}`, version, notes, signature };
    this.releases.push(release);
    const dates = { pub_date: '2026-03-13T12:00:00Z', created_at: '2026-03-13T12:00:00Z' };
    return HttpResponse.json({ ...release, ...dates } as DefaultBodyType, { status: 201 });
  }

  #key(id: string, target: string, arch: string): string {
    const version = this.releases.find((release) => release.id === id)?.version;
    return `ota/${this.slug}/${version}/${target}-${arch}`;
  }
}

function keyOf(request: Request): string {
  return new URL(request.url).pathname.slice(1);
}

function notFound(): Response {
  return HttpResponse.json({ error: 'not found' }, { status: 404 });
}
