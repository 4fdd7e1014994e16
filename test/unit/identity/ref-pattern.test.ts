import { expect, test } from 'vitest';
import { matchesRef } from '../../../src/identity/ref-pattern.ts';

test.each([
  ['refs/tags/v1.0.0', 'refs/tags/v1.0.0', true],
  ['refs/tags/v1.0.0', 'refs/tags/v*', true],
  ['refs/tags/v', 'refs/tags/v*', true],
  ['refs/tags/v1/2', 'refs/tags/v*', false],
  ['refs/tags/v1/2', 'refs/tags/v**', true],
  ['refs/tags/v1.0.0-beta.1', 'refs/tags/v*-*', true],
  ['refs/tags/v1.0.0', 'refs/tags/v*-*', false],
  ['refs/heads/main', 'refs/tags/*', false],
  ['xrefs/tags/v1', 'refs/tags/v*', false],
  ['refs/tags/v1x', 'refs/tags/v1', false],
  ['refs/tags/vXYZ', 'refs/tags/v.*', false],
  ['refs/tags/v1\n', 'refs/tags/v1', false],
  ['refs/heads/a/b/c', 'refs/heads/**/c', true],
  ['refs/heads/anything', 'refs/heads/*', true],
])('%j with %j: %j', (ref, pattern, expected) => {
  expect(matchesRef(ref, pattern)).toBe(expected);
});

test('many stars take no longer than few', () => {
  const start = performance.now();
  expect(matchesRef(`refs/tags/${'a'.repeat(1000)}`, `refs/tags/${'*a'.repeat(100)}b`)).toBe(false);
  expect(performance.now() - start).toBeLessThan(2000);
});
