import { expect, test } from 'vitest';
import { BLOCK_BYTES } from '../../../../src/server/counting/client-block.ts';
import { hashBlocks, newKey, PeriodKeys } from '../../../../src/server/counting/period-keys.ts';

const AT = Date.parse('2026-11-30T12:00:00Z');

test('keys are forgotten when their periods end, and made before they begin', () => {
  const keys = new PeriodKeys();
  keys.make(AT);
  const day = keys.get('2026-11-30');
  expect(day?.secret.length).toBe(BLOCK_BYTES);
  keys.make(AT + 1000);
  expect(keys.get('2026-11-30')).toBe(day);
  expect(keys.get('2026-12-01')).toBeUndefined();

  keys.make(Date.parse('2026-11-30T23:55:00Z'));
  expect(keys.get('2026-11-30')).toBe(day);
  const [next, month] = [keys.get('2026-12-01'), keys.get('2026-12')];
  expect(next).toBeDefined();
  expect(month).toBeDefined();

  keys.make(Date.parse('2026-12-01T00:00:00Z'));
  expect(keys.get('2026-11-30')).toBeUndefined();
  expect(keys.get('2026-11')).toBeUndefined();
  expect(keys.get('2026-12-01')).toBe(next);
  expect(keys.get('2026-12')).toBe(month);
  expect(keys.get('2026-11-30/P7D')).toBeDefined();
});

test('blocks are hashed each for itself, and otherwise with another key', () => {
  const key = newKey();
  const [one, other] = [Buffer.alloc(BLOCK_BYTES, 1), Buffer.alloc(BLOCK_BYTES, 2)];
  const hashes = hashBlocks(key, Buffer.concat([one, other, one]));
  expect(hashes.subarray(0, 16)).toEqual(hashes.subarray(32, 48));
  expect(hashes.subarray(0, 16)).not.toEqual(hashes.subarray(16, 32));
  expect(hashBlocks(newKey(), one)).not.toEqual(hashes.subarray(0, 16));
});
