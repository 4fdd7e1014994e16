import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Transaction } from 'kysely';
import type { Database } from '../../src/database/database.ts';
import { fileLane, knownLane } from '../../src/database/queries/lanes.ts';
import { createToken } from '../../src/database/queries/tokens.ts';
import type {
  ArtifactsTable,
  PublishedBytesTable,
  ReleasesTable,
  Schema,
} from '../../src/database/schema.ts';
import { versionOrder } from '../../src/protocol/version.ts';
import { by } from '../support/server/by.ts';

/** An app that was written into a store. */
export interface FilledApp {
  readonly id: string;
  readonly slug: string;
  readonly token: string;
}

interface AppSpec {
  readonly slug: string;
  readonly releases: number;
}

const BYTES = 'some bytes';
const SHA256 = 'a'.repeat(64);
const LINUX = { target: 'linux', arch: 'x86_64' } as const;
const NO_KEYS = { channel: 'stable', signingKeyId: null } as const;
const FILE_LANE = fileLane({ ...LINUX, ...NO_KEYS, requires: null });
const KNOWN_LANE = knownLane({ ...LINUX, ...NO_KEYS, embeddedPubkey: null, defaultKinds: [''] });
const ROWS_AT_ONCE = 500;
const APPS_AT_ONCE = 1000;
const YESTERDAY = Date.now() - 24 * 60 * 60 * 1000;

/** Writes rows and files as publishing leaves them, straight into the database and the data folder. */
export class StoreFiller {
  readonly #database: Database;
  readonly #dataDir: string;

  constructor(database: Database, dataDir: string) {
    this.#database = database;
    this.#dataDir = dataDir;
  }

  /** An app with as many published releases: `1.0.0`, `1.1.0` and so on. */
  async addApp(spec: AppSpec): Promise<FilledApp> {
    const [id = ''] = await this.addApps([spec]);
    const token = {
      appId: id,
      name: 'bench',
      scopes: ['release:read', 'release:write', 'release:edit'],
      expiresAt: null,
    } as const;
    return {
      id,
      slug: spec.slug,
      token: (await createToken(this.#database.queries, token, by(new Date()))).token,
    };
  }

  /** @returns their ids */
  async addApps(specs: readonly AppSpec[]): Promise<string[]> {
    const apps = specs.map((spec) => ({ ...spec, id: randomUUID() }));
    for (const some of inParts(apps, APPS_AT_ONCE)) {
      await this.#database.queries.transaction().execute(async (transaction) => {
        const times = { created_at: YESTERDAY };
        const rows = some.map(({ id, slug }) => ({
          id,
          name: slug,
          slug,
          pubkey: null,
          approval: 0,
          require_bound_signatures: 0,
          revision: 1,
          trusted_only: 0,
          cohort_fallback: 'hold' as const,
          minimum_version: null,
          auto_pause: null,
          ...times,
        }));
        await insert(transaction, 'apps', rows);
        await insert(
          transaction,
          'slugs',
          some.map(({ id, slug }) => ({ slug, app_id: id, ...times })),
        );
        await this.#addReleases(transaction, some);
      });
    }
    return apps.map(({ id }) => id);
  }

  /** Slugs that apps had before: the cache of offers knows each on its own. @returns them */
  async addOldSlugs(appIds: readonly string[], count: number): Promise<string[]> {
    const slugs = Array.from({ length: count }, () => `old-${randomUUID()}`);
    const rows = slugs.map((slug, i) => {
      const app = appIds[Math.floor((i / count) * appIds.length)] ?? null;
      return { slug, app_id: app, created_at: YESTERDAY };
    });
    await this.#database.queries.transaction().execute((transaction) => insert(transaction, 'slugs', rows));
    return slugs;
  }

  async #addReleases(
    transaction: Transaction<Schema>,
    apps: readonly { readonly id: string; readonly releases: number }[],
  ): Promise<void> {
    const rows = apps.flatMap(({ id, releases }) =>
      Array.from({ length: releases }, (_, i) => rowsOf(id, i)),
    );
    for (const { artifact } of rows) {
      writeFileSync(join(this.#dataDir, 'artifacts', artifact.id), BYTES, { mode: 0o600 });
    }
    await insert(
      transaction,
      'releases',
      rows.map(({ release }) => release),
    );
    await insert(
      transaction,
      'artifacts',
      rows.map(({ artifact }) => artifact),
    );
    await insert(
      transaction,
      'published_bytes',
      rows.map(({ published }) => published),
    );
  }
}

function rowsOf(
  app: string,
  number: number,
): { release: ReleasesTable; artifact: ArtifactsTable; published: PublishedBytesTable } {
  const version = `1.${number}.0`;
  const version_order = versionOrder(version);
  const id = randomUUID();
  const times = { created_at: YESTERDAY, expires_at: YESTERDAY, poll_at: null, leased_until: 0 };
  const platform = { ...LINUX, bundle_type: '' } as const;
  const channel = 'stable';
  const noKeys = { signing_key_id: null, embedded_pubkey: null };
  const noUpload = {
    refusal: null,
    multipart_id: null,
    job: null,
    attempt: null,
    file_name: null,
    token_id: null,
    lost_at: null,
    default_kinds: '',
  };
  const signed = { signature: 'not checked here', status: 'published' } as const;
  const published = {
    pub_date: YESTERDAY,
    created_at: YESTERDAY,
    expect: null,
    token_id: null,
    editor_ids: null,
    provenance: null,
    requires: null,
    allow_stranding: 0,
    awaits_approval: 0,
    ...{ rollout: null, paused_at: null, pause_reason: null, watch: null, held_until: 0 },
    ...{ mandatory: 0, rolled_back: 0, minimum_system: null },
  };
  return {
    release: {
      ...{ id, app_id: app, version, precedence: version, version_order, notes: `Notes of ${version}` },
      ...{ ...signed, channel, ...noKeys, ...published },
    },
    artifact: {
      ...{
        id,
        app,
        release_id: id,
        version_order,
        lane: FILE_LANE,
        released: 1,
        ...platform,
        storage_key: id,
      },
      ...{
        file_size: BYTES.length,
        sha256: SHA256,
        signature: null,
        signing_key_id: null,
        status: 'complete',
      },
      ...{ ...times, ...noUpload },
    },
    published: {
      ...{ app_id: app, precedence: version, version_order, lane: KNOWN_LANE, ...platform },
      ...{ sha256: SHA256, channel, ...noKeys, default_kinds: '' },
    },
  };
}

type Filled = 'apps' | 'slugs' | 'releases' | 'artifacts' | 'published_bytes';

async function insert<Table extends Filled>(
  transaction: Transaction<Schema>,
  table: Table,
  rows: readonly Schema[Table][],
): Promise<void> {
  for (const some of inParts(rows, ROWS_AT_ONCE)) {
    await transaction
      .insertInto<Filled>(table)
      .values([...some])
      .execute();
  }
}

function* inParts<T>(all: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < all.length; i += size) yield all.slice(i, i + size);
}
