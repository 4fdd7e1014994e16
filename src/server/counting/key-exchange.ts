import {
  constants,
  generateKeyPair,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomUUID,
} from 'node:crypto';
import { promisify } from 'node:util';
import {
  exchangeKeys,
  type KeyBoard,
  leaveExchange,
  type SealedKey,
} from '../../database/queries/count-keys.ts';
import type { Queries } from '../../database/schema.ts';
import { isoDay } from '../../protocol/stats/period.ts';
import { BLOCK_BYTES } from './client-block.ts';
import { newKey, type PeriodKey, type PeriodKeys } from './period-keys.ts';

const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const;

interface Decision {
  readonly writes: SealedKey[];
  /** By period; undefined for one that another process has, and will hand over. */
  readonly keys: Map<string, PeriodKey | undefined>;
}

/**
 * Gives all processes on a store the same keys, so that a client that asks several of them counts once. A process that
 * has a key hands it to others through the store, sealed with their public keys: what opens it is in their memory only.
 * The first one makes the key; when all that had it have ended, it is lost, and the next one makes another.
 */
export class KeyExchange {
  readonly #keys: PeriodKeys;
  #id = randomUUID();
  #pair = newPair();
  #day = '';

  constructor(keys: PeriodKeys) {
    this.#keys = keys;
  }

  /** One round, to be called every few seconds. */
  async take(db: Queries, now: Date): Promise<void> {
    await this.#renew(db, isoDay(now.getTime()));
    const { publicKey, privateKey } = await this.#pair;
    const spki = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const needed = this.#keys.needed(now.getTime()).map(({ name }) => name);
    const me = { id: this.#id, publicKey: spki, now, periods: needed };
    const keys = await exchangeKeys(db, me, (board) => {
      const decision: Decision = { writes: [], keys: new Map() };
      for (const period of needed) this.#decide(period, board, { privateKey, decision });
      return { writes: decision.writes, result: decision.keys };
    });
    for (const [period, key] of keys) this.#keys.set(period, key);
  }

  /** With each day another private key, so that none opens what was sealed on a day before, in a backup of the store. */
  async #renew(db: Queries, day: string): Promise<void> {
    if (this.#day === day) return;
    if (this.#day !== '') {
      await this.leave(db);
      this.#id = randomUUID();
      this.#pair = newPair();
    }
    this.#day = day;
  }

  leave(db: Queries): Promise<void> {
    return leaveExchange(db, this.#id);
  }

  #decide(
    period: string,
    { nodes, keys }: KeyBoard,
    { privateKey, decision }: { readonly privateKey: KeyObject; readonly decision: Decision },
  ): void {
    const ofPeriod = keys.filter((key) => key.period === period);
    const mine = ofPeriod.find(({ nodeId }) => nodeId === this.#id);
    const holder = ofPeriod.find(({ nodeId, sealed }) => nodeId !== this.#id && sealed === null);
    const held = this.#keys.get(period);
    const isOutvoted = held !== undefined && holder !== undefined && holder.generation !== held.generation;
    let key = isOutvoted ? undefined : held;
    if (
      key === undefined &&
      mine?.sealed &&
      (holder === undefined || mine.generation === holder.generation)
    ) {
      key = opened(mine.sealed, mine.generation, privateKey);
    }
    if (key === undefined && holder === undefined) key = newKey();
    decision.keys.set(period, key);
    if (key === undefined) return;
    const { generation, secret } = key;
    if (mine?.sealed !== null || mine.generation !== generation)
      decision.writes.push({ period, nodeId: this.#id, generation, sealed: null });
    for (const node of nodes) {
      const its = ofPeriod.find(({ nodeId }) => nodeId === node.id);
      if (node.id === this.#id || its?.generation === generation) continue;
      const sealed = sealedFor(node.publicKey, secret);
      if (sealed !== undefined) decision.writes.push({ period, nodeId: node.id, generation, sealed });
    }
  }
}

function newPair() {
  return promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
}

function sealedFor(spki: string, secret: Buffer): string | undefined {
  try {
    const key = { key: Buffer.from(spki, 'base64'), type: 'spki', format: 'der', ...OAEP } as const;
    return publicEncrypt(key, secret).toString('base64');
  } catch {
    return undefined; // no key of a process of this program
  }
}

function opened(sealed: string, generation: string, key: KeyObject): PeriodKey | undefined {
  try {
    const secret = privateDecrypt({ key, ...OAEP }, Buffer.from(sealed, 'base64'));
    return secret.length === BLOCK_BYTES ? { generation, secret } : undefined;
  } catch {
    return undefined;
  }
}
