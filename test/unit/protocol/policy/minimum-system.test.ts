import { expect, test } from 'vitest';
import { minimumSystemFor, parseMinimumSystem } from '../../../../src/protocol/policy/minimum-system.ts';

test.each([
  ['darwin=11.0', { darwin: '11.0' }],
  [' windows = 10.0.17763 ', { windows: '10.0.17763' }],
  ['linux=6', { linux: '6' }],
  ['macos=11.0', undefined],
  ['darwin=11.0.0.0.0', undefined],
  ['darwin=big', undefined],
  ['darwin', undefined],
  ['darwin=11=0', undefined],
])('%s is read as %j', (text, minimum) => {
  expect(parseMinimumSystem(text)).toEqual(minimum);
});

test('a target that the app sets itself belongs to the system that it begins with', () => {
  const minimum = { windows: '10.0', darwin: '11.0' };
  expect(minimumSystemFor(minimum, 'windows')).toBe('10.0');
  expect(minimumSystemFor(minimum, 'windows-portable')).toBe('10.0');
  expect(minimumSystemFor(minimum, 'linux')).toBeUndefined();
  expect(minimumSystemFor(minimum, 'other')).toBeUndefined();
  expect(minimumSystemFor(null, 'windows')).toBeUndefined();
});
