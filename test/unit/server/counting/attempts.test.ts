import { expect, test } from 'vitest';
import { Attempts } from '../../../../src/server/counting/attempts.ts';
import { PeriodKeys } from '../../../../src/server/counting/period-keys.ts';
import { SketchCells } from '../../../../src/server/counting/sketch-cells.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-03-10T12:00:00Z');
const TALLY = { appId: 'a', version: '1.1.0', platform: 'linux-x86_64', isDownload: true };

function start() {
  const keys = new PeriodKeys();
  keys.make(START);
  const cells = new SketchCells();
  const attempts = new Attempts({ keys, cells });
  const counted = (kind: string, outcome = '') =>
    cells.dirty
      .filter((cell) => cell.kind === kind && cell.outcome === outcome)
      .reduce((sum, { sketch }) => sum + Math.round(sketch.estimate()), 0);
  return { keys, attempts, counted };
}

test('who downloads a release three times, half an hour apart, is in a loop', () => {
  const { attempts, counted } = start();
  const download = (address: string, minutes: readonly number[]) => {
    for (const minute of minutes) attempts.download(TALLY, { address }, START + minute * MINUTE);
  };
  download('192.0.2.1', [0, 30, 60, 90]);
  download('198.51.100.1', [0, 30]);
  download('203.0.113.1', [0, 1, 2, 3, 4, 31]); // broke off, and went on
  attempts.download({ ...TALLY, version: '1.2.0' }, { address: '198.51.100.1' }, START + 90 * MINUTE);
  expect(counted('looping')).toBe(1);
});

test('attack: a network of many counts as a few, by its IPv4 or IPv6 addresses', () => {
  const { attempts, counted } = start();
  const report = (address: string) => attempts.report(TALLY, { address }, { outcome: 'failed', now: START });
  for (let i = 0; i < 200; i++) {
    report(`192.0.2.${i}`);
    report(`2001:db8:1:${i.toString(16)}::1`);
  }
  expect(counted('reported', 'failed')).toBe(16);
  for (let i = 0; i < 100; i++) report(`10.${i}.0.1`);
  expect(counted('reported', 'failed')).toBeCloseTo(116, -1);
});

test('attack: a client counts once, and invented codes are counted up to a number', () => {
  const { attempts, counted } = start();
  const client = { address: '192.0.2.1' };
  for (let i = 0; i < 100; i++)
    attempts.report(TALLY, client, { outcome: 'failed', code: `code-${i}`, now: START });
  expect(counted('reported', 'failed')).toBe(1);
  expect(counted('reported', 'failed code-0')).toBe(1);
  expect(counted('reported', 'failed code-19')).toBe(1);
  expect(counted('reported', 'failed code-20')).toBe(0);
});

test('nothing is known of a client once the key of the month is gone', () => {
  const { keys, attempts, counted } = start();
  const client = { address: '192.0.2.1' };
  for (const minute of [0, 30]) attempts.download(TALLY, client, START + minute * MINUTE);
  keys.set('2026-03', undefined);
  attempts.download(TALLY, client, START + 60 * MINUTE);
  keys.make(START);
  attempts.download(TALLY, client, START + 90 * MINUTE);
  expect(counted('looping')).toBe(0);
});
