import type {
  ReleaseResponse,
  RolloutRequest,
  SimulateRequest,
  SimulateResponse,
  StatsResponse,
} from '../protocol/messages.ts';

/** The server's root, also where a proxy has put a path before it: the page is at `admin/` below it. */
const ROOT = new URL('..', document.baseURI);
const API = 'api/sync/ota';

/** Why the server has refused a request. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** An app that who is signed in may see. */
export interface AppInSession {
  readonly id: string;
  readonly name: string;
  readonly slug: string | null;
}

/** Who is signed in, with what they may do. */
export interface Session {
  readonly kind: 'token' | 'operator';
  readonly name: string;
  readonly expires_at: string;
  readonly scopes: readonly string[];
  readonly apps: readonly AppInSession[];
}

export interface SessionAnswer {
  /** Of the server. */
  readonly version: string;
  readonly session: Session | null;
}

/** Never with the token itself, of which the server has only a hash. */
export interface TokenRow {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly last_used_at: string | null;
  readonly is_of_job: boolean;
}

/** A CI job that may publish without a stored token. */
export interface TrustRow {
  readonly id: string;
  readonly provider: string;
  readonly repository: string;
  readonly workflow: string;
  readonly environment: string | null;
  readonly refs: readonly string[];
  readonly channels: readonly string[];
  readonly created_at: string;
}

/** One entry of the audit log. */
export interface AuditRow {
  readonly seq: number;
  readonly at: string;
  readonly action: string;
  readonly outcome: string;
  readonly actor: string;
  readonly address: string | null;
  /** JSON. */
  readonly details: string;
}

/** What a change of a release says; fields that are left out stay. */
export interface ReleaseChange {
  readonly status?: 'yanked' | 'published';
  readonly paused?: boolean;
  readonly rollout?: RolloutRequest | null;
}

interface Options {
  readonly method?: 'POST' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
}

/** @throws Refusal, with the server's own words */
async function request<Answer>(path: string, { method, body }: Options = {}): Promise<Answer> {
  const answer = await fetch(new URL(path, ROOT), {
    ...(method && { method }),
    // The page says that it asks: other websites cannot send this header.
    headers: { 'x-synckit-ota-page': '1', ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (answer.status === 204) return undefined as Answer;
  const content = await answer.json().catch(() => ({}));
  if (answer.ok) return content as Answer;
  throw new Refusal(answer.status, content.detail ?? `The server answered with ${answer.status}.`);
}

/** Paths of the API for one app, and of what the page has besides. */
const ofApp = (appId: string) => `${API}/apps/${encodeURIComponent(appId)}`;
const ofPage = (appId: string) => `admin/apps/${encodeURIComponent(appId)}`;

/** Each request that the page makes. */
export const pageApi = {
  /** Who the cookie says is signed in. */
  session: () => request<SessionAnswer>('admin/session'),
  signIn: (secret: { readonly token: string } | { readonly link: string }) =>
    request<SessionAnswer>('admin/session', { method: 'POST', body: secret }),
  signOut: () => request<void>('admin/session', { method: 'DELETE' }),
  /** Only for who has signed in by the link of the server. */
  createApp: (app: { readonly name: string; readonly slug: string }) =>
    request<AppInSession & { readonly token: string }>('admin/apps', { method: 'POST', body: app }),
  /** What the server can do. */
  extensions: async () => (await request<{ extensions: string[] }>(API)).extensions,
  /** The highest 100 versions, the highest first. */
  releases: (appId: string) => request<ReleaseResponse[]>(`${ofApp(appId)}/releases?limit=100`),
  change: (appId: string, releaseId: string, change: ReleaseChange) =>
    request<ReleaseResponse>(`${ofApp(appId)}/releases/${releaseId}`, { method: 'PATCH', body: change }),
  promote: (appId: string, releaseId: string, channel: string) =>
    request<ReleaseResponse>(`${ofApp(appId)}/releases/${releaseId}/promote`, {
      method: 'POST',
      body: { channel },
    }),
  /** What apps would be offered. */
  simulate: (appId: string, change: SimulateRequest) =>
    request<SimulateResponse>(`${ofApp(appId)}/simulate`, { method: 'POST', body: change }),
  stats: (appId: string) => request<StatsResponse>(`${ofApp(appId)}/stats?days=30`),
  tokens: (appId: string) => request<TokenRow[]>(`${ofPage(appId)}/tokens`),
  revoke: (appId: string, tokenId: string) =>
    request<void>(`${ofPage(appId)}/tokens/${tokenId}`, { method: 'DELETE' }),
  trust: (appId: string) => request<TrustRow[]>(`${ofPage(appId)}/trust`),
  audit: (appId: string) => request<AuditRow[]>(`${ofPage(appId)}/audit`),
};

/** Where people download an app. */
export function downloadPageOf(slug: string): string {
  return new URL(slug, ROOT).href;
}
