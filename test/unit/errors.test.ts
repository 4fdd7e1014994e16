import { expect, test } from 'vitest';
import { hasStatus, OtaError } from '../../src/errors.ts';

test('an error for a response has its status', () => {
  const error = new OtaError('preflight_refused', 'Too large', { status: 413 });
  expect(hasStatus(error, 413)).toBe(true);
  expect(hasStatus(error, 400, 413)).toBe(true);
  expect(hasStatus(error, 412)).toBe(false);
});

test.each([
  ['an error of this machine', new OtaError('usage', 'app.bin does not exist')],
  ['an error of another kind', Object.assign(new Error('x'), { status: 404 })],
  ['something else', undefined],
])('%s has no status', (_, error) => {
  expect(hasStatus(error, 404)).toBe(false);
});
