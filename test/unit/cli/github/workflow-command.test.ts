import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  jsonWithoutCommands,
  withoutCommands,
  workflowCommand,
} from '../../../../src/cli/github/workflow-command.ts';
import { commandIn, commandsIn } from '../../../support/docs/github-runner.ts';

/** Texts that are made of what commands are made of. */
const tricky = fc
  .array(
    fc.oneof(
      fc.constantFrom('::', ':', '##[', '#', '[', ']', '%', '%0A', '%25', '\n', '\r', ',', '=', ' ', '\t'),
      fc.constantFrom('error', 'add-mask', 'stop-commands', 'set-output name=status', '::error::', '\u0085'),
      fc.string({ maxLength: 5 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

describe('a workflow command', () => {
  test.each([
    ['error', 'It went wrong', {}, '::error::It went wrong'],
    ['error', '100 %\r\nnext', { title: 'a: b, c%' }, '::error title=a%3A b%2C c%25::100 %25%0D%0Anext'],
    ['warning', '%0A', { file: 'a', line: '1' }, '::warning file=a,line=1::%250A'],
  ])('%s %j', (name, message, properties, line) => {
    expect(workflowCommand(name, message, properties)).toBe(line);
  });

  test('is one line, and decodes to any text that it was given', () => {
    fc.assert(
      fc.property(tricky, tricky, (message, text) => {
        const title = `<${text}>`; // blanks around it are taken off
        const line = workflowCommand('error', message, { title });
        expect(line).not.toMatch(/[\r\n]/);
        expect(commandIn(line)).toEqual({ name: 'error', properties: { title }, message });
      }),
    );
  });
});

describe('text from a server', () => {
  test.each([
    ['::stop-commands::x', ': :stop-commands::x'],
    ['a\n  ::set-output name=status::published', 'a\n  : :set-output name=status::published'],
    ['a\r::error::b', 'a\r: :error::b'],
    ['see ##[error]this', 'see # #[error]this'],
    ['std::string and # [x]', 'std::string and # [x]'],
  ])('%j contains no command as %j', (text, safe) => {
    expect(withoutCommands(text)).toBe(safe);
  });

  test('never contains a command', () => {
    fc.assert(
      fc.property(tricky, (text) => {
        expect(commandsIn(withoutCommands(text))).toEqual([]);
      }),
    );
  });

  test('as JSON contains none either, and keeps its meaning', () => {
    fc.assert(
      fc.property(tricky, (text) => {
        const json = jsonWithoutCommands(JSON.stringify({ error: { message: text } }));
        expect(commandsIn(json)).toEqual([]);
        expect(JSON.parse(json)).toEqual({ error: { message: text } });
      }),
    );
  });
});

test('field 6: notes of line breaks and blanks alone are made safe in time that grows with their length alone', () => {
  for (const notes of ['\n'.repeat(400_000), ' '.repeat(400_000), '\u0085'.repeat(400_000)]) {
    expect(withoutCommands(`${notes}x::`)).toBe(`${notes}x::`);
    expect(withoutCommands(`${notes}::x::`)).toBe(`${notes}: :x::`);
  }
});
