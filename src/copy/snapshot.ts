import { createHash } from 'node:crypto';
import { SNAPSHOT_TABLES, type Snapshot } from '../database/queries/snapshot.ts';

export type CompleteArtifact = Snapshot['artifacts'][number] & {
  readonly storage_key: string;
  readonly sha256: string;
};

export interface DigestOptions {
  /** Whether pending uploads count, which a server forgets after some time. */
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
    const rows = table === 'artifacts' && !withPending ? completeArtifacts(snapshot) : snapshot[table];
    const lines = rows.map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))));
    hash.update(`${table}\n${lines.sort().join('\n')}\n`);
  }
  return hash.digest('hex');
}

/** Whether a store may have developed from an earlier one: it has all its apps, none at an earlier revision, and slugs. */
export function descendsFrom(later: Snapshot, earlier: Snapshot): boolean {
  const revisions = new Map(later.apps.map(({ id, revision }) => [id, revision]));
  const slugs = new Set(later.slugs.map(({ slug }) => slug));
  return (
    earlier.apps.every(({ id, revision }) => (revisions.get(id) ?? -1) >= revision) &&
    earlier.slugs.every(({ slug }) => slugs.has(slug))
  );
}

/** An artifact for people: `my-app 1.2.0 linux-x86_64`, with the app's name where it has no slug. */
export function describeArtifact({ apps, releases }: Snapshot, artifact: CompleteArtifact): string {
  const release = releases.find(({ id }) => id === artifact.release_id);
  const app = apps.find(({ id }) => id === release?.app_id);
  const bundle = artifact.bundle_type === '' ? '' : `-${artifact.bundle_type}`;
  const platform = `${artifact.target}-${artifact.arch}${bundle}`;
  return `${app?.slug ?? app?.name ?? ''} ${release?.version ?? ''} ${platform}`.trim();
}
