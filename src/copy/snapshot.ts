import { createHash } from 'node:crypto';
import { SNAPSHOT_TABLES, type Snapshot } from '../database/queries/snapshot.ts';
import { platformName, platformOf } from '../protocol/platform.ts';

export type CompleteArtifact = Snapshot['artifacts'][number] & {
  readonly storage_key: string;
  readonly sha256: string;
};

export interface DigestOptions {
  /** Whether pending uploads and what is known of CI jobs count, which a server forgets after some time. */
  readonly withPending: boolean;
}

export function completeArtifacts({ artifacts }: Snapshot): CompleteArtifact[] {
  return artifacts.filter((row): row is CompleteArtifact => row.status === 'complete');
}

export function countPendingUploads({ artifacts }: Snapshot): number {
  return artifacts.filter(({ status }) => status === 'pending').length;
}

/** A SHA-256 of all rows, the same for every engine and every order of the rows. */
export function snapshotDigest(snapshot: Snapshot, { withPending }: DigestOptions): string {
  const hash = createHash('sha256');
  for (const table of SNAPSHOT_TABLES) {
    const rows = withPending ? snapshot[table] : lastingRows(snapshot, table);
    const lines = rows.map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))));
    hash.update(`${table}\n${lines.sort().join('\n')}\n`);
  }
  return hash.digest('hex');
}

function lastingRows(snapshot: Snapshot, table: (typeof SNAPSHOT_TABLES)[number]): readonly object[] {
  if (table === 'artifacts') return completeArtifacts(snapshot);
  if (table === 'tokens') return snapshot.tokens.filter(({ publisher_id }) => publisher_id === null);
  if (table === 'webhooks') return snapshot.webhooks.map(({ failing_since: _, ...row }) => row);
  return table === 'used_identities' ? [] : snapshot[table];
}

/** Whether a store may have developed from an earlier one: a deleted app leaves its slugs, a freed slug a revision. */
export function descendsFrom(later: Snapshot, earlier: Snapshot): boolean {
  const revisions = new Map(later.apps.map(({ id, revision }) => [id, revision]));
  const slugs = new Map(later.slugs.map((row) => [row.slug, row]));
  const deleted = new Set(
    earlier.slugs.filter(({ slug }) => slugs.get(slug)?.app_id === null).map(({ app_id }) => app_id),
  );
  const before = new Map(earlier.apps.map(({ id, revision }) => [id, revision]));
  const isFreed = (owner: string | null) =>
    owner === null || deleted.has(owner) || (revisions.get(owner) ?? -1) > (before.get(owner) ?? -1);
  return (
    earlier.apps.every(
      ({ id, revision }) => (revisions.get(id) ?? (deleted.has(id) ? revision : -1)) >= revision,
    ) &&
    earlier.slugs.every(({ slug, app_id, created_at }) => {
      const now = slugs.get(slug);
      if (now === undefined) return isFreed(app_id);
      // The slug of a deleted app has an app again only once it was freed.
      return now.app_id === app_id || now.app_id === null || now.created_at > created_at;
    })
  );
}

/** An artifact for people: `my-app 1.2.0 linux-x86_64`, with the app's name where it has no slug. */
export function describeArtifact({ apps, releases }: Snapshot, artifact: CompleteArtifact): string {
  const release = releases.find(({ id }) => id === artifact.release_id);
  const app = apps.find(({ id }) => id === release?.app_id);
  return `${app?.slug ?? app?.name ?? ''} ${release?.version ?? ''} ${platformName(platformOf(artifact))}`.trim();
}
