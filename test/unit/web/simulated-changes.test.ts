import { expect, test } from 'vitest';
import type { SimulatedCell } from '../../../src/protocol/messages.ts';
import { simulatedChanges } from '../../../src/web/simulated-changes.ts';

const answers = (...shares: [string | null, number, boolean?][]): SimulatedCell['today'] => ({
  shares: shares.map(([version, share, mandatory = false]) => ({ version, share, mandatory })),
});

function cell(version: string, platform: string, fields: Partial<SimulatedCell> = {}): SimulatedCell {
  return {
    ...{ version, platform, channel: 'stable', clients: null, changed: true },
    ...{ today: answers(['2.0.0', 100]), after: answers(['1.1.0', 100]) },
    ...fields,
  };
}

const changesOf = (cells: SimulatedCell[]) =>
  simulatedChanges({ version: '2.0.0', source: 'versions', cells, changed: cells.length, omitted: 0 });

test('apps that are treated alike are one entry, and others are not', () => {
  const changes = changesOf([
    cell('1.1.0', 'linux-x86_64', { after: answers([null, 100]) }),
    cell('1.0.0', 'linux-x86_64'),
    cell('1.0.0', 'windows-x86_64'),
    cell('0.9.0', 'linux-x86_64'),
    cell('0.9.0', 'windows-x86_64'),
    cell('0.8.0', 'linux-x86_64'),
    cell('0.8.0', 'linux-x86_64', { channel: 'beta' }),
    cell('0.7.0', 'linux-x86_64', { changed: false }),
  ]);
  const linux = ['linux-x86_64'];
  const before = '2.0.0';
  expect(changes).toEqual([
    { channel: 'stable', versions: ['1.1.0'], platforms: linux, before, after: 'nothing' },
    {
      ...{ channel: 'stable', versions: ['1.0.0', '0.9.0'], platforms: [...linux, 'windows-x86_64'] },
      ...{ before, after: '1.1.0' },
    },
    { channel: 'stable', versions: ['0.8.0'], platforms: linux, before, after: '1.1.0' },
    { channel: 'beta', versions: ['0.8.0'], platforms: linux, before, after: '1.1.0' },
  ]);
});

test('shares and mandatory updates are said', () => {
  const after = answers(['2.0.0', 75, true], [null, 25]);
  expect(changesOf([cell('1.0.0', 'linux-x86_64', { after })])).toMatchObject([
    { after: '2.0.0 (mandatory, 75 %), nothing (25 %)' },
  ]);
  expect(changesOf([cell('1.0.0', 'linux-x86_64', { after: answers(['2.0.0', 100, true]) })])).toMatchObject([
    { after: '2.0.0 (mandatory)' },
  ]);
});
