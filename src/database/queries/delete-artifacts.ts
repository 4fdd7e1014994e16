import type { OperandValueExpressionOrList } from 'kysely';
import type { Queries, Schema } from '../schema.ts';
import { queueDropped } from './orphans.ts';

/** What makes an artifact one that the server's deletion queue finds. */
export const QUEUED = { status: 'deleting', release_id: null } as const;

/** Drops the pending uploads of releases that are being deleted, and queues their files for removal. */
export async function deleteArtifactsOf(
  transaction: Queries,
  releaseIds: OperandValueExpressionOrList<Schema, 'artifacts', 'release_id'>,
): Promise<void> {
  const dropped = await transaction
    .deleteFrom('artifacts')
    .where('release_id', 'in', releaseIds)
    .where('status', '=', 'pending')
    .returning('id')
    .execute();
  await queueDropped(transaction, dropped);
  await transaction.updateTable('artifacts').set(QUEUED).where('release_id', 'in', releaseIds).execute();
}

/** Queues the file of an artifact for removal. */
export async function queueForRemoval(transaction: Queries, id: string): Promise<void> {
  await transaction.updateTable('artifacts').set(QUEUED).where('id', '=', id).execute();
}
