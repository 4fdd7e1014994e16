import type { CommandUnknownOpts, Option } from '@commander-js/extra-typings';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Context } from '../../../../src/cli/context.ts';
import { createProgram } from '../../../../src/cli/program.ts';

interface Parsed {
  readonly options: Record<string, unknown>;
  readonly sources: Record<string, string | undefined>;
}

afterEach(() => vi.unstubAllEnvs());

function withChildren(command: CommandUnknownOpts): CommandUnknownOpts[] {
  return [command, ...command.commands.flatMap(withChildren)];
}

function pathOf(command: CommandUnknownOpts): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}

const takesValue = (option: Option) => option.required || option.optional;

/** A blank value of these would give more rights, or remove more, than was meant. */
const LIMITING: readonly string[] = [
  'apps create --scope',
  'apps trust --environment',
  'apps trust --ref',
  'apps trust --channel',
  'apps trust --repository-id',
  'apps trust --owner-id',
  'tokens create --scope',
  'tokens create --for',
  'tokens revoke --app',
];

const ALL_OPTIONS = withChildren(createProgram(() => refuse())).flatMap((command) =>
  command.options
    .filter(takesValue)
    .map((option) => [pathOf(command).join(' '), option.long ?? '', option.envVar ?? '', option] as const),
);

const isLimiting = ([path, long]: (typeof ALL_OPTIONS)[number]) => LIMITING.includes(`${path} ${long}`);
const OPTIONS = ALL_OPTIONS.filter((option) => !isLimiting(option));

const COMMANDS_WITH_ARGUMENTS = withChildren(createProgram(() => refuse()))
  .filter(({ registeredArguments }) => registeredArguments.length > 0)
  .flatMap((command) =>
    command.registeredArguments.flatMap(({ argChoices }, index) =>
      argChoices ? [] : [[pathOf(command).join(' '), index] as const],
    ),
  );

function refuse(): never {
  throw new Error('no command is run');
}

/** Parses a command line as `program.ts` declares it, without running the command. */
async function parse(path: string, words: readonly string[] = []): Promise<Parsed> {
  const program = createProgram(() => refuse());
  const command = withChildren(program).find((one) => pathOf(one).join(' ') === path);
  if (command === undefined) return refuse();
  let parsed: Parsed | undefined;
  command.action(() => {
    const options = command.opts();
    const names = Object.keys(options);
    const sources = Object.fromEntries(names.map((name) => [name, command.getOptionValueSource(name)]));
    parsed = { options, sources };
  });
  const args = command.registeredArguments.map(() => 'argument');
  await program.parseAsync(['node', 'synckit-ota', ...path.split(' '), ...words, ...args]);
  return parsed ?? refuse();
}

describe('field 5: a blank value means that an option is not given', () => {
  test.each(OPTIONS)('%s %s', async (path, long, _, option) => {
    const without = await parse(path);
    for (const blank of ['', ' ', '\n', ' \r\n\t']) {
      const { options } = await parse(path, [long, blank]);
      expect(options[option.attributeName()]).toEqual(without.options[option.attributeName()]);
      expect((await parse(path, [`${long}=${blank}`])).options).toEqual(options);
    }
  });

  test.each(OPTIONS.filter(([, , variable]) => variable !== ''))(
    '%s %s and %s',
    async (path, long, variable, option) => {
      const name = option.attributeName();
      vi.stubEnv(variable, undefined);
      const without = await parse(path);
      vi.stubEnv(variable, ' \n');
      expect((await parse(path)).options[name]).toEqual(without.options[name]);
      vi.stubEnv(variable, ' from the environment \n');
      expect(await parse(path)).toMatchObject({ options: { [name]: 'from the environment' } });
      // A blank value on the command line gives way to the variable, and any other one wins over it.
      expect(await parse(path, [long, ''])).toMatchObject({
        options: { [name]: 'from the environment' },
        sources: { [name]: 'env' },
      });
      expect((await parse(path, [long, 'typed\n'])).options[name]).toBe('typed');
    },
  );

  test('among the values of an option that can be repeated', async () => {
    const { options } = await parse('publish', ['--artifact', '', '--artifact', 'a=b', '--artifact', ' ']);
    expect(options.artifact).toEqual(['a=b']);
  });

  test('after another value of the same option', async () => {
    expect((await parse('publish', ['--slug', 'my-app', '--slug', ''])).options.slug).toBe('my-app');
  });
});

describe('a blank value is refused', () => {
  test.each(ALL_OPTIONS.filter(isLimiting))(
    'of %s %s, which limits what a command does',
    async (path, long) => {
      for (const blank of ['', ' ', '\n']) {
        await expect(parse(path, [long, blank])).rejects.toMatchObject({
          code: 'usage',
          message: `${long} is empty`,
        });
      }
    },
  );

  test('of every option that is known to limit', () => {
    expect(ALL_OPTIONS.filter(isLimiting)).toHaveLength(LIMITING.length);
  });

  test.each(COMMANDS_WITH_ARGUMENTS)('of an argument of %s (number %i)', async (path, blank) => {
    const command = withChildren(createProgram(() => refuse())).find((one) => pathOf(one).join(' ') === path);
    const args = command?.registeredArguments.map((_, index) => (index === blank ? ' ' : 'argument')) ?? [];
    const program = createProgram(() => ({}) as Context);
    await expect(
      program.parseAsync(['node', 'synckit-ota', ...path.split(' '), ...args]),
    ).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/^[<[].+[>\]] is empty$/),
    });
  });
});
