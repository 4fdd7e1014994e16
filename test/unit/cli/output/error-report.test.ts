import { describe, expect, test } from 'vitest';
import { exitCodeOf } from '../../../../src/cli/exit-codes.ts';
import { reportError } from '../../../../src/cli/output/error-report.ts';
import { createOutput, type OutputOptions } from '../../../../src/cli/output/output.ts';
import { OtaError, type OtaErrorCode } from '../../../../src/errors.ts';
import { captureOutput } from '../../../support/process/captured-output.ts';

const written = captureOutput();

/** What scripts rely on. */
const EXIT_CODES: Readonly<Record<OtaErrorCode, number>> = {
  usage: 2,
  unauthorized: 3,
  preflight_refused: 4,
  conflict: 5,
  verification_failed: 6,
  network: 7,
  not_the_api: 8,
  store_unavailable: 9,
  durability_lost: 9,
  outcome_unknown: 9,
  no_space: 9,
  interrupted: 130,
};

function report(error: unknown, options: OutputOptions = {}, signal?: NodeJS.Signals): number {
  return reportError(error, createOutput(options), signal);
}

describe('an error', () => {
  test.each(Object.entries(EXIT_CODES) as [OtaErrorCode, number][])('%s exits with %i', (code, exit) => {
    expect(exitCodeOf(code)).toBe(exit);
    expect(report(new OtaError(code, 'It went wrong', { hint: 'Do this.' }))).toBe(exit);
    expect(written).toEqual({ stdout: '', stderr: 'error: It went wrong.\n  Do this.\n' });
  });

  test('with --json is one document on stdout, and text on stderr', () => {
    report(new OtaError('network', 'no answer', { hint: 'Again.' }), { json: true });
    expect(JSON.parse(written.stdout)).toEqual({
      error: { code: 'network', message: 'no answer', hint: 'Again.', retryable: true },
    });
    expect(written.stderr).toBe('error: no answer.\n  Again.\n');
  });

  test('without a hint has null in its JSON', () => {
    report(new OtaError('conflict', 'taken'), { json: true });
    expect(JSON.parse(written.stdout).error).toEqual({
      code: 'conflict',
      message: 'taken',
      hint: null,
      retryable: false,
    });
  });

  test.each([
    [{}, false],
    [{ verbose: true }, true],
  ])('with %j shows its cause: %s', (options, isShown) => {
    report(new OtaError('network', 'no answer', { cause: new Error('ECONNREFUSED') }), options);
    expect(written.stderr.includes('ECONNREFUSED')).toBe(isShown);
    expect(written.stderr).not.toContain('    at ');
  });

  test.each(['A sentence.', 'A question?'])('%j gets no second full stop', (message) => {
    report(new OtaError('usage', message));
    expect(written.stderr).toBe(`error: ${message}\n`);
  });

  test('with a list has a line for each of its items, and the same message for scripts', () => {
    report(new OtaError('usage', '2 problems:', { items: ['one', 'two'], hint: 'Do this.' }), { json: true });
    expect(written.stderr).toBe('error: 2 problems:\n  - one\n  - two\n  Do this.\n');
    expect(JSON.parse(written.stdout).error.message).toBe('2 problems:\n  - one\n  - two');
  });

  test('attack M4: shows a line break in its texts, which is not its own', () => {
    const cause = new Error('no\nanswer');
    const options = { items: ['one\nforged', 'two'], hint: 'Do\nthis.', cause };
    report(new OtaError('usage', '2 problems\nforged:', options), { verbose: true });
    expect(written.stderr).toBe(
      'error: 2 problems␊forged:\n  - one␊forged\n  - two\n  Do␊this.\n  cause: Error: no␊answer\n',
    );
  });

  test('after a signal says how to continue', () => {
    expect(report(new Error('aborted'), { json: true }, 'SIGINT')).toBe(130);
    expect(JSON.parse(written.stdout).error).toMatchObject({ code: 'interrupted' });
    expect(written.stderr).toContain('Run the same command again');
    expect(report(new Error('aborted'), {}, 'SIGTERM')).toBe(143);
  });

  test.each([
    ['an error', new TypeError('x is not a function'), 'x is not a function'],
    ['a text', 'thrown', 'thrown'],
  ])('that is a bug (%s) exits with 1, and shows its stack and where to report it', (_, error, words) => {
    expect(report(error, { json: true })).toBe(1);
    expect(written.stderr).toContain(words);
    expect(written.stderr).toContain('    at ');
    expect(written.stderr).toContain('Please report it');
    expect(JSON.parse(written.stdout).error).toMatchObject({ code: 'bug', retryable: false });
  });
});

describe('output', () => {
  function say(options: OutputOptions): typeof written {
    const output = createOutput(options);
    output.note('note');
    output.result('result');
    output.document({ a: 1 });
    output.document({ b: 2 });
    return { ...written };
  }

  test.each([
    [{}, { stdout: 'result\n', stderr: 'note\n' }],
    [{ quiet: true }, { stdout: 'result\n', stderr: '' }],
    [{ verbose: true }, { stdout: 'result\n', stderr: 'note\n' }],
    [{ json: true }, { stdout: '{"a":1}\n', stderr: 'note\nresult\n' }],
    [
      { json: true, quiet: true },
      { stdout: '{"a":1}\n', stderr: '' },
    ],
  ])('with %j', (options, expected) => {
    expect(say(options)).toEqual(expected);
  });

  test('attack M4: is a line for each text, whatever is in it', () => {
    const output = createOutput({});
    output.note('a\nb');
    output.result(['a\nb', 'c']);
    output.warning(['a\r\nb', '  - c']);
    output.error('a\nb', 'error:');
    expect(written).toEqual({ stdout: 'a␊b\nc\n', stderr: 'a␊b\nwarning: a␍␊b\n  - c\nerror: a␊b\n' });
  });

  test('attack M4: has its own colours, and none of a text', () => {
    const output = createOutput({}, { colors: { stdout: true, stderr: true } });
    output.result(`${output.style('green', 'own \u001b[31mforged\u001b[39m')} \u001b[32mforged`);
    output.error('\u001b[32mforged', 'error:');
    expect(written.stdout).toBe('\u001b[32mown ␛[31mforged␛[39m\u001b[39m ␛[32mforged\n');
    expect(written.stderr).toBe('\u001b[31merror:\u001b[39m ␛[32mforged\n');
  });
});
