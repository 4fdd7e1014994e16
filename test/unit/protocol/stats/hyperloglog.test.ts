import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { HyperLogLog } from '../../../../src/protocol/stats/hyperloglog.ts';

/** A sketch of the numbers from one to another. */
function sketchOf(from: number, to: number): HyperLogLog {
  const sketch = new HyperLogLog();
  for (let i = from; i < to; i++) {
    const hash = createHash('sha256').update(`client ${i}`).digest();
    sketch.add(hash.readUInt32LE(0), hash.readUInt32LE(4));
  }
  return sketch;
}

describe('a sketch', () => {
  test.each([0, 1, 9, 10, 100, 800, 801, 1000, 30_000, 200_000])('estimates %i within 2 %%', (count) => {
    expect(Math.abs(sketchOf(0, count).estimate() - count)).toBeLessThanOrEqual(0.02 * count);
  });

  test('counts what it has once', () => {
    const sketch = sketchOf(0, 1000);
    const before = sketch.estimate();
    sketch.merge(sketchOf(200, 700));
    expect(sketch.estimate()).toBe(before);
  });

  test.each([
    [300, 350],
    [300, 5000],
    [5000, 300],
    [20_000, 30_000],
  ])('of 0 to %i, merged with one of 200 to %i, is that of both', (one, other) => {
    const merged = sketchOf(0, one);
    expect(merged.merge(sketchOf(200, other))).toBe(other > one);
    expect(merged.toBytes()).toEqual(sketchOf(0, Math.max(one, other)).toBytes());
    expect(merged.merge(sketchOf(200, other))).toBe(false);
  });

  test.each([
    [100, 60, 1000],
    [100, 5, 20_000],
    [1000, 50, 20_000],
    [1000, 50, 100_000],
  ])('of %i things says how many another one lacks: %i, beside %i others', (all, lacks, others) => {
    let [known, missing] = [0, 0];
    for (let run = 0; run < 20; run++) {
      const first = run * 1_000_000;
      const other = sketchOf(first + lacks, first + all + others);
      const found = sketchOf(first, first + all).missingIn(other);
      known += found.known;
      missing += found.missing;
      expect(found.known).toBeLessThanOrEqual(all);
    }
    const share = lacks / all;
    expect(Math.abs(missing / known - share)).toBeLessThan(3.5 * Math.sqrt((share * (1 - share)) / known));
    expect(sketchOf(0, all).missingIn(new HyperLogLog()).missing).toBeGreaterThan(0.9 * all);
  });

  test.each([0, 50, 30_000])('of %i is read as it was written', (count) => {
    const sketch = sketchOf(0, count);
    const read = HyperLogLog.fromBytes(sketch.toBytes());
    expect(read.toBytes()).toEqual(sketch.toBytes());
    expect(read.estimate()).toBe(sketch.estimate());
  });

  test('ignores what is no rank, and what is too long', () => {
    const read = HyperLogLog.fromBytes(new Uint8Array(100_000).fill(200));
    expect(read.estimate()).toBe(0);
  });

  test('says whether adding something changes it', () => {
    const sketch = sketchOf(0, 500);
    const hash = createHash('sha256').update('client 7').digest();
    expect(sketch.wouldRaise(hash.readUInt32LE(0), hash.readUInt32LE(4))).toBe(false);
    expect(sketch.wouldRaise(hash.readUInt32LE(0), 0)).toBe(true);
  });

  test('takes little memory while it counts little, and never more than its registers', () => {
    expect(sketchOf(0, 10).size).toBeLessThanOrEqual(400);
    expect(sketchOf(0, 100_000).size).toBe(32_768);
  });
});
