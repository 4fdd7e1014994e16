import { createHash } from 'node:crypto';
import type { Queries } from '../schema.ts';

// What the audit log knows of the tables: a digest of each row, or of rows that belong together, as the last change left
// it. What changes without anyone's doing, like leases, is not part of it.

/**
 * What an app has, and what changes are recorded of. `bytes` are those that a version was ever live with. `keys` belong to
 * the whole store: those of its URLs, which a copy does not bring along, and those of issuers.
 */
export type AuditedKind =
  | 'app'
  | 'limits'
  | 'publisher'
  | 'slug'
  | 'token'
  | 'webhook'
  | 'release'
  | 'bytes'
  | 'keys';

/** The name of rows that a change has written or deleted: `release:<id>`. */
export type AuditedName = `${AuditedKind}:${string}`;

export interface AuditedRows {
  readonly name: AuditedName;
  /** Null for a slug that no app has, and for what concerns the whole server. */
  readonly appId: string | null;
  readonly digest: string;
}

interface Row {
  readonly key: string;
  readonly appId: string | null;
  /** What is hashed. */
  readonly content: unknown;
}

/** The name of the bytes that a version was ever live with. */
export function bytesOf({ app_id, precedence }: { readonly app_id: string; readonly precedence: string }) {
  return `bytes:${app_id} ${precedence}` as const;
}

export const URL_KEYS = 'keys:urls';
export const ISSUER_KEYS = 'keys:issuers';

/** All rows of a kind, or those with a key. */
const READ: Readonly<Record<AuditedKind, (db: Queries, key?: string) => Promise<readonly Row[]>>> = {
  app: async (db, key) => {
    const all = db.selectFrom('apps').selectAll();
    const rows = await (key === undefined ? all : all.where('id', '=', key)).execute();
    return rows.map(({ revision: _, ...content }) => ({ key: content.id, appId: content.id, content }));
  },
  limits: async (db, key) => {
    const all = db.selectFrom('app_limits').selectAll();
    const limits = new Map<string, Row & { readonly content: string[] }>();
    for (const row of await (key === undefined ? all : all.where('app_id', '=', key)).execute()) {
      const content = [...(limits.get(row.app_id)?.content ?? []), canonical(row)].sort();
      limits.set(row.app_id, { key: row.app_id, appId: row.app_id, content });
    }
    return [...limits.values()];
  },
  slug: async (db, key) => {
    const all = db.selectFrom('slugs').selectAll();
    const rows = await (key === undefined ? all : all.where('slug', '=', key)).execute();
    return rows.map((content) => ({ key: content.slug, appId: content.app_id, content }));
  },
  token: async (db, key) => {
    const all = db.selectFrom('tokens').selectAll();
    const rows = await (key === undefined ? all : all.where('id', '=', key)).execute();
    return rows.map((content) => ({ key: content.id, appId: content.app_id, content }));
  },
  publisher: async (db, key) => {
    const all = db.selectFrom('trusted_publishers').selectAll();
    const rows = await (key === undefined ? all : all.where('id', '=', key)).execute();
    return rows.map((content) => ({ key: content.id, appId: content.app_id, content }));
  },
  webhook: async (db, key) => {
    const all = db.selectFrom('webhooks').selectAll();
    const rows = await (key === undefined ? all : all.where('id', '=', key)).execute();
    return rows.map(({ failing_since: _, ...content }) => ({
      key: content.id,
      appId: content.app_id,
      content,
    }));
  },
  release: async (db, key) => {
    const all = db.selectFrom('releases').selectAll();
    const releases = await (key === undefined ? all : all.where('id', '=', key)).execute();
    const files = await readFiles(db, key);
    const statements = await readStatements(db, key);
    return releases.map((release) => ({
      key: release.id,
      appId: release.app_id,
      content: {
        ...release,
        files: files.get(release.id) ?? [],
        statements: statements.get(release.id) ?? [],
      },
    }));
  },
  bytes: async (db, key) => {
    const all = db.selectFrom('published_bytes').selectAll();
    const [appId = '', precedence = ''] = key?.split(' ') ?? [];
    const some = all.where('app_id', '=', appId).where('precedence', '=', precedence);
    const versions = new Map<string, Row & { readonly content: string[] }>();
    for (const row of await (key === undefined ? all : some).execute()) {
      const ofVersion = `${row.app_id} ${row.precedence}`;
      const before = versions.get(ofVersion)?.content ?? [];
      const content = [...before, canonical(row)].sort();
      versions.set(ofVersion, { key: ofVersion, appId: row.app_id, content });
    }
    return [...versions.values()];
  },
  keys: async (db, key) => {
    const urlKeys = await db.selectFrom('url_signing_keys').selectAll().execute();
    const issuers = await db
      .selectFrom('issuer_keys')
      .select(['issuer', 'jwks'])
      .where('jwks', 'is not', null)
      .execute();
    return Object.entries({ urls: urlKeys.map(canonical), issuers: issuers.map(canonical) })
      .filter(([name, rows]) => rows.length > 0 && (key === undefined || name === key))
      .map(([name, rows]) => ({ key: name, appId: null, content: rows.sort() }));
  },
};

/** The complete files of a release, or of all, without what is only of use while they are uploaded or served. */
async function readFiles(db: Queries, releaseId?: string): Promise<ReadonlyMap<string | null, string[]>> {
  const all = db.selectFrom('artifacts').selectAll().where('status', '=', 'complete');
  const rows = await (releaseId === undefined ? all : all.where('release_id', '=', releaseId)).execute();
  const files = new Map<string | null, string[]>();
  for (const { released, lost_at, expires_at, poll_at, leased_until, refusal, multipart_id, ...file } of rows)
    files.set(file.release_id, [...(files.get(file.release_id) ?? []), canonical(file)].sort());
  return files;
}

/** The digests of the statements of manifests and attestations: of a release, or of all. */
async function readStatements(db: Queries, releaseId?: string): Promise<ReadonlyMap<string, string[]>> {
  const all = db.selectFrom('statements').selectAll();
  const rows = await (releaseId === undefined ? all : all.where('release_id', '=', releaseId)).execute();
  const statements = new Map<string, string[]>();
  for (const { release_id, ...row } of rows)
    statements.set(release_id, [...(statements.get(release_id) ?? []), digestOf(row)].sort());
  return statements;
}

/** The digest of rows as they are now; null where there are none. */
export async function digestOfRows(db: Queries, name: AuditedName): Promise<string | null> {
  const colon = name.indexOf(':');
  const kind = name.slice(0, colon);
  if (!isAuditedKind(kind)) throw new Error(`there are no rows of the kind ${kind}`);
  const [row] = await READ[kind](db, name.slice(colon + 1));
  return row === undefined ? null : digestOf(row.content);
}

/** All rows that a change is recorded of. */
export async function readAuditedRows(db: Queries): Promise<AuditedRows[]> {
  const all: AuditedRows[] = [];
  for (const kind of Object.keys(READ).filter(isAuditedKind)) {
    for (const { key, appId, content } of await READ[kind](db))
      all.push({ name: `${kind}:${key}`, appId, digest: digestOf(content) });
  }
  return all;
}

function isAuditedKind(text: string): text is AuditedKind {
  return Object.hasOwn(READ, text);
}

function digestOf(content: unknown): string {
  return createHash('sha256').update(canonical(content)).digest('hex');
}

/** JSON with the columns in alphabetical order: the same on every engine. */
function canonical(row: unknown): string {
  const entries = Object.entries(row ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(entries);
}

/** What rows are called, for people: `release 1.2.0 of my-app`. */
export async function nameAuditedRows(db: Queries): Promise<ReadonlyMap<string, string>> {
  const apps = await db.selectFrom('apps').select(['id', 'slug', 'name']).execute();
  const byId = new Map(apps.map(({ id, slug, name }) => [id, slug ?? name]));
  const releases = await db
    .selectFrom('releases')
    .select(['id', 'app_id', 'version', 'precedence'])
    .execute();
  const tokens = await db.selectFrom('tokens').select(['id', 'app_id', 'name']).execute();
  const webhooks = await db.selectFrom('webhooks').select('id').execute();
  const of = (appId: string) => `of ${byId.get(appId) ?? appId}`;
  return new Map<string, string>([
    [URL_KEYS, 'list of keys that sign URLs'] as const,
    [ISSUER_KEYS, 'list of keys that identity tokens are verified with'] as const,
    ...apps.map(({ id }) => [`app:${id}`, `app ${byId.get(id)}`] as const),
    ...apps.map(({ id }) => [`limits:${id}`, `limits ${of(id)}`] as const),
    ...tokens.map(({ id, app_id, name }) => [`token:${id}`, `token ${name} (${id}) ${of(app_id)}`] as const),
    ...webhooks.map((row) => [`webhook:${row.id}`, `webhook ${row.id}`] as const),
    ...releases.map((row) => [`release:${row.id}`, `release ${row.version} ${of(row.app_id)}`] as const),
    ...releases.map((row) => [bytesOf(row), `record of what ${row.version} ${of(row.app_id)} is`] as const),
  ]);
}
