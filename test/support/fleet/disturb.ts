import { setTimeout as sleep } from 'node:timers/promises';
import { times } from '../process/torture.ts';
import type { FleetNode } from '../server/fleet-node.ts';
import { type Outages, RECOVERY_MS } from './outages.ts';

/** The longest that a node is stopped for, in milliseconds; every eighth time it is that long. */
const LONGEST_PAUSE_MS = times(3000, 30_000);
/** Otherwise it is up to this. */
const PAUSE_MS = times(1500, 8000);
/** A node is left alone for up to this, in milliseconds, before the next. */
const BETWEEN_MS = times(2000, 5000);
/** How probably the last that lives is spared for another second. */
const SPARED = 0.9;
/** How much later than required somebody is still waited for, so that it can be told how late it was. */
const PATIENCE_MS = 12 * RECOVERY_MS;

export type Fault = 'kill' | 'pause' | 'restart of PostgreSQL';

export interface Recovery {
  readonly fault: Fault;
  /** Milliseconds. */
  readonly took: number;
}

export interface DisturbOptions {
  readonly nodes: readonly FleetNode[];
  readonly outages: Outages;
  /** Whether a node answers as it should. */
  readonly isRight: (node: FleetNode) => Promise<boolean>;
  /** Kills and pauses of nodes. */
  readonly faults: number;
  readonly restarts: number;
}

/**
 * Kills and stops nodes, each by itself, so that now and then none is there, and restarts PostgreSQL meanwhile.
 * @returns how long it took after each until whoever lived answered as it should
 */
export async function disturb(options: DisturbOptions): Promise<Recovery[]> {
  const { nodes, outages, faults, restarts } = options;
  const recoveries: Recovery[] = [];
  const recovered = async (fault: Fault, node: FleetNode) => {
    const took = await timeUntilRight(node, options);
    if (took !== undefined) recoveries.push({ fault, took });
  };
  let begun = 0;
  const disturbed = nodes.map(async (node) => {
    while (begun < faults) {
      const fault = begun++ % 2 === 0 ? 'kill' : 'pause';
      await sleep(Math.random() * BETWEEN_MS);
      const isLast = () => nodes.every((other) => other === node || other.state !== 'up');
      while (isLast() && Math.random() < SPARED) await sleep(1000);
      if (fault === 'kill') {
        await node.kill();
        await sleep(Math.random() * 1500);
        await node.start();
      } else {
        node.pause();
        await sleep(begun % 8 === 0 ? LONGEST_PAUSE_MS : Math.random() * PAUSE_MS);
        node.resume();
      }
      await recovered(fault, node);
    }
  });
  let over = false;
  const all = Promise.all(disturbed).finally(() => {
    over = true;
  });
  for (let i = 0; i < restarts; i++) {
    // Spread over all of it, as far as one knows how long that is.
    while (!over && begun < ((i + 0.5) * faults) / restarts) await sleep(100);
    await outages.restart(i % 2 === 0 ? 'fast' : 'crash', () => sleep(100 + Math.random() * 3000));
    const living = nodes.filter(({ state }) => state === 'up');
    await Promise.all(living.map((node) => recovered('restart of PostgreSQL', node)));
  }
  await all;
  return recoveries;
}

/**
 * Since all that it needs is there: itself and its database.
 * @returns undefined when it was killed or stopped again before
 */
async function timeUntilRight(
  node: FleetNode,
  { outages, isRight }: Pick<DisturbOptions, 'outages' | 'isRight'>,
): Promise<number | undefined> {
  for (const deadline = performance.now() + PATIENCE_MS; ; await sleep(20)) {
    const since = () => Math.max(node.upSince ?? Number.NaN, outages.backSince ?? Number.NaN);
    const before = since();
    if (node.state !== 'up') return undefined;
    if (!Number.isNaN(before) && (await isRight(node)) && since() === before)
      return performance.now() - before;
    if (performance.now() > deadline) throw new Error(`${node.url} did not recover`);
  }
}
