import { setTimeout as sleep } from 'node:timers/promises';
import { times } from '../process/torture.ts';
import type { FleetNode } from '../server/fleet-node.ts';
import { type Outages, RECOVERY_MS } from './outages.ts';

/** The longest pause of a node, in milliseconds; every eighth pause is that long. */
const LONGEST_PAUSE_MS = times(3000, 30_000);
/** The limit for other pauses. */
const PAUSE_MS = times(1500, 8000);
/** The limit for the time between two faults of a node, in milliseconds. */
const BETWEEN_MS = times(2000, 5000);
/** The probability that the last running node is spared for another second. */
const SPARED = 0.9;
/** How much longer than required to wait for a node, in milliseconds, to report how late it was. */
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
  /** Whether a node gives the right response. */
  readonly isRight: (node: FleetNode) => Promise<boolean>;
  /** The number of kills and pauses of nodes. */
  readonly faults: number;
  readonly restarts: number;
}

/**
 * Kills and pauses nodes independently, so that sometimes none is running, and also restarts PostgreSQL.
 * @returns how long it took after each fault until the running nodes gave the right response
 */
export async function disturb(options: DisturbOptions): Promise<Recovery[]> {
  const { nodes, outages, faults, restarts } = options;
  const recoveries: Recovery[] = [];
  const recovered = async (fault: Fault, node: FleetNode) => {
    const took = await timeUntilRight(node, options);
    if (took !== undefined) recoveries.push({ fault, took });
  };
  let started = 0;
  const disturbed = nodes.map(async (node) => {
    while (started < faults) {
      const fault = started++ % 2 === 0 ? 'kill' : 'pause';
      await sleep(Math.random() * BETWEEN_MS);
      const isLast = () => nodes.every((other) => other === node || other.state !== 'up');
      while (isLast() && Math.random() < SPARED) await sleep(1000);
      if (fault === 'kill') {
        await node.kill();
        await sleep(Math.random() * 1500);
        await node.start();
      } else {
        node.pause();
        await sleep(started % 8 === 0 ? LONGEST_PAUSE_MS : Math.random() * PAUSE_MS);
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
    // Spread evenly over the faults of nodes.
    while (!over && started < ((i + 0.5) * faults) / restarts) await sleep(100);
    await outages.restart(i % 2 === 0 ? 'fast' : 'crash', () => sleep(100 + Math.random() * 3000));
    const living = nodes.filter(({ state }) => state === 'up');
    await Promise.all(living.map((node) => recovered('restart of PostgreSQL', node)));
  }
  await all;
  return recoveries;
}

/**
 * Measured from when both the node and its database are up.
 * @returns undefined if it was killed or paused again before
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
