import { describe, expect, test } from 'vitest';
import { MAX_JSON_BODY_BYTES } from '../../../../src/protocol/messages.ts';
import { MAX_PARTS, partSizeOf, partsOf } from '../../../../src/protocol/upload/multipart.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const TIB = 1024 ** 4;

describe('the parts of a file', () => {
  test.each([
    1,
    8 * MIB - 1,
    8 * MIB,
    8 * MIB + 1,
    32 * MIB,
    256 * MIB,
    5 * GIB + 1,
    MAX_PARTS * 8 * MIB,
    MAX_PARTS * 8 * MIB + 1,
    100 * GIB + 7,
    4 * TIB,
  ])('of %i bytes add up to it, within the limits of S3', (fileSize) => {
    const parts = partsOf(fileSize);
    expect(parts.map(({ number }) => number)).toEqual(parts.map((_, i) => i + 1));
    expect(parts.reduce((sum, { size }) => sum + size, 0)).toBe(fileSize);
    expect(parts.length).toBeLessThanOrEqual(MAX_PARTS);
    const partSize = partSizeOf(fileSize);
    expect(partSize).toBeGreaterThanOrEqual(8 * MIB);
    expect(partSize).toBeLessThanOrEqual(5 * GIB);
    expect(partSize % MIB).toBe(0);
    expect(parts.slice(0, -1).every(({ size }) => size === partSize)).toBe(true);
    expect(parts.at(-1)?.size).toBeGreaterThan(0);
  });

  test('have 8 MiB for files up to 7.8 GiB, and a whole number of MiB for larger files', () => {
    expect(partSizeOf(MAX_PARTS * 8 * MIB)).toBe(8 * MIB);
    expect(partSizeOf(MAX_PARTS * 8 * MIB + 1)).toBe(9 * MIB);
    expect(partsOf(17 * MIB).map(({ size }) => size / MIB)).toEqual([8, 8, 1]);
  });

  test('have a different size if one is given', () => {
    expect(partsOf(10, 4)).toEqual([
      { number: 1, size: 4 },
      { number: 2, size: 4 },
      { number: 3, size: 2 },
    ]);
  });

  test('are few enough for their ETags to fit into one request', () => {
    const body = JSON.stringify({ parts: Array(MAX_PARTS).fill(`"${'a'.repeat(32)}"`) });
    expect(body.length).toBeLessThan(MAX_JSON_BODY_BYTES);
  });
});
