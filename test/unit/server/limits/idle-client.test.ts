import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { IDLE_TIMEOUT_MS, IdleClient } from '../../../../src/server/limits/idle-client.ts';

function start() {
  const state = { read: 0, written: 0 };
  const socket = Object.defineProperties(new Socket(), {
    bytesRead: { get: () => state.read },
    bytesWritten: { get: () => state.written },
  });
  return { state, client: new IdleClient(socket) };
}

test('a connection on which nothing moves in the middle of a request is idle for too long after two minutes', () => {
  const { state, client } = start();
  state.read = 100;
  expect(client.isTooLong(0, false)).toBe(false);
  expect(client.isTooLong(IDLE_TIMEOUT_MS - 1, false)).toBe(false);
  expect(client.isTooLong(IDLE_TIMEOUT_MS, false)).toBe(true);
});

test('any byte, in any direction, starts that time again', () => {
  const { state, client } = start();
  for (let minute = 0; minute < 50; minute++) {
    if (minute % 2 === 0) state.read += 1;
    else state.written += 1;
    expect(client.isTooLong(minute * 60_000, false)).toBe(false);
  }
});

test('the time in which a client waits for the server does not count', () => {
  const { client } = start();
  expect(client.isTooLong(0, false)).toBe(false);
  expect(client.isTooLong(10 * IDLE_TIMEOUT_MS, true)).toBe(false);
  expect(client.isTooLong(11 * IDLE_TIMEOUT_MS - 1, false)).toBe(false);
  expect(client.isTooLong(11 * IDLE_TIMEOUT_MS, false)).toBe(true);
});
