import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { MIN_BYTES, WINDOW_MS } from '../../../../src/server/limits/minimum-rate.ts';
import { SlowReader } from '../../../../src/server/limits/slow-reader.ts';

const MINUTE = WINDOW_MS;

/** A client that has read `read` of `written` bytes. */
function start() {
  const state = { written: 0, read: 0 };
  const socket = Object.defineProperties(new Socket(), {
    bytesWritten: { get: () => state.written },
    writableLength: { get: () => state.written - state.read },
  });
  return { state, reader: new SlowReader(socket) };
}

test('attack M10: a client that reads nothing, or a byte now and then, is too slow after a minute', () => {
  for (const perMinute of [0, 10, MIN_BYTES - 1]) {
    const { state, reader } = start();
    state.written = 1_000_000;
    expect(reader.isTooSlow(0)).toBe(false);
    state.read += perMinute / 2;
    expect(reader.isTooSlow(MINUTE / 2)).toBe(false);
    state.read += perMinute / 2;
    expect(reader.isTooSlow(MINUTE)).toBe(true);
  }
});

test('a client that reads on, or has read all there is, is never too slow', () => {
  const { state, reader } = start();
  state.written = 100 * MIN_BYTES;
  for (let minute = 0; minute < 50; minute++) {
    expect(reader.isTooSlow(minute * MINUTE)).toBe(false);
    state.read += MIN_BYTES;
  }
  state.read = state.written;
  for (let minute = 50; minute < 60; minute++) expect(reader.isTooSlow(minute * MINUTE)).toBe(false);
  state.written += 1000;
  expect(reader.isTooSlow(60 * MINUTE)).toBe(false);
});
