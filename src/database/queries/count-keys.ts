import type { Kysely, Transaction } from 'kysely';
import type { CountKeysTable, CountNodesTable, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';

/** A process that counts. */
export interface CountNode {
  readonly id: string;
  /** What keys are sealed with that it is handed: SPKI in Base64. */
  readonly publicKey: string;
}

export interface ExchangingNode extends CountNode {
  readonly now: Date;
  /** Those that keys are needed for: what is there of others is forgotten. */
  readonly periods: readonly string[];
}

/** A key of a period, sealed for a process; null where that process has opened or made it. */
export interface SealedKey {
  readonly period: string;
  readonly nodeId: string;
  readonly generation: string;
  readonly sealed: string | null;
}

/** What all processes know. */
export interface KeyBoard {
  readonly nodes: readonly CountNode[];
  readonly keys: readonly SealedKey[];
}

/** How long a process is taken to be alive without a word, and how often it says it, in milliseconds. */
const SILENCE_MS = 90_000;
const WORD_MS = 30_000;

/**
 * Has a process decide what keys it writes, by what all have written: one process at a time.
 * @param decide may be called several times: the last time counts
 */
export async function exchangeKeys<T>(
  db: Kysely<Schema>,
  me: ExchangingNode,
  decide: (board: KeyBoard) => { readonly writes: readonly SealedKey[]; readonly result: T },
): Promise<T> {
  return transact(db, async (transaction) => {
    const nodes = await livingNodes(transaction, me);
    const rows = await transaction.selectFrom('count_keys').selectAll().execute();
    const isAlive = new Set(nodes.map(({ id }) => id));
    const lost = rows.filter(({ node_id }) => !isAlive.has(node_id));
    for (const { node_id } of lost)
      await transaction.deleteFrom('count_keys').where('node_id', '=', node_id).execute();
    const isPast = ({ period }: CountKeysTable) => !me.periods.includes(period);
    if (rows.some(isPast))
      await transaction.deleteFrom('count_keys').where('period', 'not in', me.periods).execute();
    const keys = rows.filter((row) => isAlive.has(row.node_id) && !isPast(row)).map(toSealedKey);
    const { writes, result } = decide({ nodes, keys });
    for (const key of writes) await saveKey(transaction, key);
    return result;
  });
}

async function livingNodes(
  transaction: Transaction<Schema>,
  { id, publicKey, now }: ExchangingNode,
): Promise<CountNode[]> {
  const rows = await transaction.selectFrom('count_nodes').selectAll().execute();
  const time = now.getTime();
  const isSilent = ({ seen_at }: CountNodesTable) => time - seen_at > SILENCE_MS;
  if (rows.some(isSilent))
    await transaction
      .deleteFrom('count_nodes')
      .where('seen_at', '<', time - SILENCE_MS)
      .execute();
  const mine = rows.find((row) => row.id === id);
  if (mine === undefined || time - mine.seen_at > WORD_MS) {
    await transaction
      .insertInto('count_nodes')
      .values({ id, public_key: publicKey, seen_at: time })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ seen_at: time }))
      .execute();
  }
  const others = rows.filter((row) => row.id !== id && !isSilent(row));
  return [{ id, publicKey }, ...others.map((row) => ({ id: row.id, publicKey: row.public_key }))];
}

async function saveKey(transaction: Transaction<Schema>, key: SealedKey): Promise<void> {
  const { period, nodeId: node_id, generation, sealed } = key;
  await transaction
    .insertInto('count_keys')
    .values({ period, node_id, generation, sealed })
    .onConflict((conflict) => conflict.columns(['period', 'node_id']).doUpdateSet({ generation, sealed }))
    .execute();
}

function toSealedKey({ period, node_id: nodeId, generation, sealed }: CountKeysTable): SealedKey {
  return { period, nodeId, generation, sealed };
}

/** Forgets a process that ends. */
export async function leaveExchange(db: Kysely<Schema>, nodeId: string): Promise<void> {
  await transact(db, async (transaction) => {
    await transaction.deleteFrom('count_keys').where('node_id', '=', nodeId).execute();
    await transaction.deleteFrom('count_nodes').where('id', '=', nodeId).execute();
  });
}
