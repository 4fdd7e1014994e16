import { expect, test } from 'vitest';
import { readText } from '../support/docs/pages.ts';

interface Entry {
  readonly integrity?: string;
  readonly link?: boolean;
  readonly resolved?: string;
}

const { lockfileVersion, packages } = JSON.parse(readText('package-lock.json')) as {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, Entry>>;
};

test('attack L15: the lock names each package by its hash, on every system', () => {
  expect(lockfileVersion).toBe(3);
  const entries = Object.entries(packages).filter(([path, { link }]) => path !== '' && !link);
  expect(entries.length).toBeGreaterThan(400);
  const weak = entries.filter(([, { integrity = '' }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity));
  expect(weak.map(([path]) => path)).toEqual([]);
});

test('attack L15: the lock takes packages from the registry only', () => {
  const others = Object.entries(packages).filter(([, { resolved = '' }]) =>
    /^(?:git|file|http:)/.test(resolved),
  );
  expect(others).toEqual([]);
});
