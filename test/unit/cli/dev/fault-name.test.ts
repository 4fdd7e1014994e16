import { expect, test } from 'vitest';
import { effectOf, FAULTS, readFault } from '../../../../src/cli/dev/fault-name.ts';
import { OptionErrors } from '../../../../src/cli/options/option-errors.ts';

function read(text: string) {
  const errors = new OptionErrors();
  return { fault: readFault(text, errors), isRefused: !errors.isEmpty };
}

test.each(Object.keys(FAULTS).map((name) => name.replace('=N', '')))('--fault %s is read', (name) => {
  const { fault, isRefused } = read(name);
  expect(fault).toEqual({ name, percent: 50 });
  expect(fault && effectOf(fault)).toMatch(/\w/);
  expect(isRefused).toBe(false);
});

test('only cut takes a percentage', () => {
  expect(read('cut=80').fault).toEqual({ name: 'cut', percent: 80 });
  for (const text of ['cut=100', 'cut=', 'slow=5', 'cut=N', 'toString', 'fire', ''])
    expect(read(text), text).toEqual({ fault: undefined, isRefused: true });
});

test('a percentage out of range is answered with the range', () => {
  const errors = new OptionErrors();
  readFault('cut=500', errors);
  expect(errors.toError().message).toContain('N is 0 to 99');
});
