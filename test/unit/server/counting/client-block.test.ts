import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES, writeClient } from '../../../../src/server/counting/client-block.ts';

function blockOf(address: string | undefined, cohort?: number): string {
  const block = Buffer.alloc(3 * BLOCK_BYTES, 0xaa);
  writeClient(block, BLOCK_BYTES, { address, cohort });
  const around = Buffer.concat([block.subarray(0, BLOCK_BYTES), block.subarray(2 * BLOCK_BYTES)]);
  expect(around).toEqual(Buffer.alloc(2 * BLOCK_BYTES, 0xaa));
  return block.subarray(BLOCK_BYTES, 2 * BLOCK_BYTES).toString('hex');
}

describe('the block of a client', () => {
  test.each([
    ['203.0.113.9', '::ffff:203.0.113.9'],
    ['203.0.113.9', '203.0.113.9:51234'],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
    ['2001:db8:1:2::1', '[2001:0DB8:0001:0002:aaaa::]:443'],
    ['2001:db8::1', '2001:db8:0:0:5::'],
    ['2001:db8::1:2:3:4:5', '2001:db8:0:1:2:3:4:5'],
    ['::1', '::2'],
    ['::1', '0:0:0:0:5:6:7:8'],
    [undefined, ''],
    ['', '_hidden'],
  ])('%j and %j is the same', (one, other) => {
    expect(blockOf(one)).toBe(blockOf(other));
  });

  test('is another one for another address, network or cohort', () => {
    const blocks = [
      blockOf(undefined),
      blockOf('203.0.113.9'),
      blockOf('203.0.113.90'),
      blockOf('20.3.0.113'),
      blockOf('203.0.113.9', 0),
      blockOf('203.0.113.9', 99),
      blockOf('::1'),
      blockOf('1::'),
      blockOf('2001:db8::1'),
      blockOf('2001:db8:1::1'),
      blockOf('2001:db8:0:1::1'),
    ];
    expect(new Set(blocks).size).toBe(blocks.length);
  });

  test.each([
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1.2.3.',
    '.1.2.3',
    '1.2.3.0004',
    '1..2.3',
    'x',
    ':',
    '1:2:xyz',
    '9'.repeat(5000),
  ])('of %j, which is no address, is that of all without one', (text) => {
    expect(blockOf(text)).toBe(blockOf(undefined));
  });
});
