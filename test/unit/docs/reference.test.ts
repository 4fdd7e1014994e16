import type { CommandUnknownOpts as Command } from '@commander-js/extra-typings';
import { describe, expect, test } from 'vitest';
import { EXIT, exitCodeOf } from '../../../src/cli/exit-codes.ts';
import { createProgram } from '../../../src/cli/program.ts';
import type { OtaErrorCode } from '../../../src/errors.ts';
import { codeSpansIn, sectionsOf, tableRows } from '../../support/docs/markdown.ts';
import { readText } from '../../support/docs/pages.ts';

const program = createProgram(() => {
  throw new Error('no command is run');
});

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

/** `publish slug`, without the program's name. */
function nameOf(command: Command): string {
  return command.parent?.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

describe('the page of exit codes', () => {
  const [codes = [], errors = []] = ['Exit codes', 'Exit codes'].map((_, i) => tablesOf()[i]);

  function tablesOf(): string[][][] {
    const page = readText('docs/reference/exit-codes.md');
    return page
      .split(/\n\n(?!\|)/)
      .map(tableRows)
      .filter((rows) => rows.length > 0);
  }

  test('has every exit code', () => {
    expect(codes.map(([code]) => Number(code)).sort()).toEqual(Object.values(EXIT).sort());
  });

  test('says of exactly one code that the same command can be retried', () => {
    expect(codes.filter(([, , , retry]) => retry === 'yes').map(([code]) => Number(code))).toEqual([
      EXIT.network,
    ]);
  });

  test('has the exit code of each error code', () => {
    const documented = errors.map(([code = '', exit = '']) => [code.replaceAll('`', ''), exit] as const);
    for (const [code, exit] of documented.filter(([name]) => name !== 'bug')) {
      expect(exit.split(', ').map(Number), code).toContain(exitCodeOf(code as OtaErrorCode));
    }
    const known = [...readText('src/errors.ts').matchAll(/^ {2}\| '(\w+)'/gm)].map(([, code]) => code);
    expect(documented.map(([code]) => code).sort()).toEqual([...known, 'bug'].sort());
  });
});

describe('the page of environment variables', () => {
  const rows = tableRows(readText('docs/reference/environment.md'));

  test('has each variable that sets an option, with that option', () => {
    const options = allCommands(program).flatMap((command) => command.options);
    const expected = new Map([['SYNCKIT_OTA_ID_TOKEN', new Set<string>()]]); // which is no option's
    for (const { envVar, long } of options) {
      if (envVar === undefined || long == null) continue;
      expected.set(envVar, (expected.get(envVar) ?? new Set()).add(long));
    }
    const documented = rows
      .filter(([variable = '']) => variable.startsWith('`SYNCKIT_OTA_'))
      .map(([variable = '', flags = '']) => [codeSpansIn(variable)[0], new Set(codeSpansIn(flags))]);
    expect(new Map(documented as [string, Set<string>][])).toEqual(expected);
  });

  test('names each command that takes a variable, or those it belongs to', () => {
    const readers = new Map(rows.map(([variable = '', , readBy = '']) => [variable, codeSpansIn(readBy)]));
    const takers = allCommands(program).flatMap((command) =>
      command.options
        .filter(({ envVar }) => envVar !== undefined)
        .map(({ envVar }) => ({ variable: `\`${envVar}\``, name: nameOf(command) })),
    );
    const missing = takers.filter(({ variable, name }) => {
      const named = readers.get(variable) ?? [];
      return !named.includes(name) && !named.includes(name.split(' ')[0] ?? '');
    });
    expect(takers.length).toBeGreaterThan(50);
    expect(missing).toEqual([]);
  });

  test.each(['CI', 'TERM', 'GITHUB_ACTIONS', 'GITHUB_OUTPUT', 'GITHUB_STEP_SUMMARY', 'CARGO_TARGET_DIR'])(
    'has %s, which the program reads itself',
    (variable) => {
      expect(rows.flatMap(([variables = '']) => codeSpansIn(variables))).toContain(variable);
    },
  );
});

describe('the page of JSON output', () => {
  test('has a section for each command with --json, and for no other', () => {
    const commands = allCommands(program).filter(({ options }) =>
      options.some(({ long }) => long === '--json'),
    );
    const names = sectionsOf(readText('docs/reference/json.md')).map(({ heading }) => heading);
    const documented = names.filter((name) => /^[a-z]/.test(name));
    expect(documented.sort()).toEqual(commands.map(nameOf).sort());
  });
});
