import { describe, expect, test } from 'vitest';
import { connectionsFor, limitsFor, shareOf } from '../../../../src/server/limits/server-limits.ts';

describe.each([16, 57, 200, 4096, 100_000])('attack M10: of %i connections', (connections) => {
  const limits = limitsFor(connections);

  test('no client, and no kind of request that takes long, can have all', () => {
    expect(limits.connectionsPerClient).toBeLessThan(connections);
    const { downloads, uploads, completions } = limits;
    expect(downloads.total + uploads.total + completions.total).toBeLessThan(connections);
  });

  test('no holder can have all of a kind', () => {
    const { downloads, uploads, reads, writes, completions } = limits;
    for (const { total, each } of [downloads, uploads, reads, writes, completions]) {
      expect(each).toBeLessThan(total);
      expect(each).toBeGreaterThan(0);
    }
  });
});

test.each([1, 2, 3, 8])(
  'attack many processes: the limits of %i workers together are those of the server, so that each has a part',
  (workers) => {
    const whole = limitsFor(4096);
    const share = shareOf(whole, workers);
    const isPart = (part: number, count: number) => part * workers >= count && (part - 1) * workers < count;
    expect(isPart(share.connections, whole.connections)).toBe(true);
    expect(isPart(share.connectionsPerClient, whole.connectionsPerClient)).toBe(true);
    for (const kind of ['downloads', 'uploads', 'reads', 'writes', 'completions'] as const) {
      expect(isPart(share[kind].total, whole[kind].total), kind).toBe(true);
      expect(isPart(share[kind].each, whole[kind].each), kind).toBe(true);
      expect(share[kind].each).toBeLessThan(share[kind].total);
    }
  },
);

test('attack many processes: each of many workers can still do one request of each kind', () => {
  const { connectionsPerClient, ...kinds } = shareOf(limitsFor(16), 64);
  expect(connectionsPerClient).toBe(1);
  for (const kind of ['downloads', 'uploads', 'reads', 'writes', 'completions'] as const)
    expect(kinds[kind].each).toBe(1);
});

test('crash C9: there is a descriptor for each connection, and for the files of requests', () => {
  for (const descriptors of [200, 256, 1024, 65_536]) {
    const connections = connectionsFor(descriptors);
    const { downloads, uploads } = limitsFor(connections);
    expect(connections + downloads.total + 2 * uploads.total + 50).toBeLessThan(descriptors);
  }
});
