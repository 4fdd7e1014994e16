import { describe, expect, test } from 'vitest';
import { formatDuration, formatElapsed, formatNotes, formatSpeed } from '../../../src/cli/format.ts';
import { formatBytes } from '../../../src/protocol/upload/size-in-words.ts';

describe('figures in text output', () => {
  test.each([
    [0, '0:00'],
    [1, '0:01'],
    [59_000, '0:59'],
    [59_001, '1:00'],
    [750_000, '12:30'],
    [3_723_000, '1:02:03'],
    [36_000_000, '10:00:00'],
  ])('%i ms left is shown as %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  test.each([
    [0, '0.0 s'],
    [349, '0.3 s'],
    [42_000, '42.0 s'],
    [65_000, '1:05'],
  ])('a duration of %i ms is shown as %s', (milliseconds, text) => {
    expect(formatElapsed(milliseconds)).toBe(text);
  });

  test.each([
    [1, '1 B'],
    [1000, '1 kB'],
    [52_428_800, '52.4 MB'],
  ])('%i bytes is shown as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test.each([
    [1000, 1000, '1 kB/s'],
    [1000, 500, '2 kB/s'],
    [1000, 0, '1 MB/s'],
  ])('%i bytes in %i ms is shown as %s', (bytes, milliseconds, text) => {
    expect(formatSpeed(bytes, milliseconds)).toBe(text);
  });

  test('attack M4: release notes are indented, and cut where no server of ours would store more', () => {
    expect(formatNotes('one\r\n\n  two  \rthree')).toEqual(['  one', '', '    two', '  three']);
    expect(formatNotes('x'.repeat(70_000))).toEqual([`  ${'x'.repeat(65_536)}`, '  …']);
    expect(formatNotes('\n'.repeat(16 * 1024 * 1024)).length).toBe(65_538);
  });
});
