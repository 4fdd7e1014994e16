import { describe, expect, test } from 'vitest';
import { OptionErrors } from '../../../../src/cli/options/option-errors.ts';
import { OtaError } from '../../../../src/errors.ts';

describe('option errors', () => {
  test('throw nothing if there are none', () => {
    expect(() => new OptionErrors().throwIfAny()).not.toThrow();
  });

  test('throw a single error as one sentence', () => {
    const problems = new OptionErrors();
    problems.add('no app given: pass --app ID');
    expect(() => problems.throwIfAny()).toThrow(
      expect.objectContaining({ code: 'usage', message: 'no app given: pass --app ID' }),
    );
  });

  test('throw all errors together, with those of failed reads', () => {
    const problems = new OptionErrors();
    problems.add('first');
    const value = problems.attempt(() => {
      throw new OtaError('usage', 'second', { hint: 'Mend it.' });
    });
    expect(value).toBeUndefined();
    expect(problems.attempt(() => 7)).toBe(7);
    expect(() => problems.throwIfAny()).toThrow(
      expect.objectContaining({ code: 'usage', message: '2 problems:\n  - first\n  - second. Mend it.' }),
    );
  });

  test('collect errors of asynchronous reads too', async () => {
    const problems = new OptionErrors();
    const failing = async () => {
      throw new OtaError('usage', 'late');
    };
    expect(await problems.attemptAsync(failing)).toBeUndefined();
    expect(await problems.attemptAsync(async () => 7)).toBe(7);
    expect(() => problems.throwIfAny()).toThrow(expect.objectContaining({ code: 'usage', message: 'late' }));
    const surprise = new TypeError('x is not a function');
    await expect(problems.attemptAsync(() => Promise.reject(surprise))).rejects.toBe(surprise);
  });

  test('pass on an unexpected error', () => {
    const surprise = new TypeError('x is not a function');
    expect(() =>
      new OptionErrors().attempt(() => {
        throw surprise;
      }),
    ).toThrow(surprise);
  });
});
