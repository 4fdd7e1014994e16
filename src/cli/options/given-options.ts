import type { CommandUnknownOpts, Option } from '@commander-js/extra-typings';
import { OtaError } from '../../errors.ts';

/**
 * Makes a blank value of an option count as if the option was not given, so that a variable of CI that is not set has no
 * effect: then its environment variable counts, else its default. Blank values of environment variables are ignored
 * too. Line breaks around other values are removed: secrets and the output of commands often end with one. A blank value of
 * an option that is `limiting` is refused.
 */
export function ignoreBlankValues(command: CommandUnknownOpts): void {
  for (const option of command.options) {
    if (!option.required && !option.optional) continue; // takes no value
    const name = option.attributeName();
    const parse = option.parseArg;
    option.argParser((value: string, previous: unknown): unknown => {
      if (isBlank(value)) {
        if (LIMITING.has(option)) throw emptyValue(option.long ?? name);
        return previous;
      }
      return parse === undefined
        ? value.replace(/^[\r\n]+|(?<![\r\n])[\r\n]+$/g, '')
        : parse(value, previous);
    });
    const unset = () => command.setOptionValueWithSource(name, option.defaultValue, 'default');
    command.on(`option:${option.name()}`, (value: unknown) => {
      // commander makes '' of undefined, and counts it as typed: then it would win over the environment.
      const isUnset = [option.defaultValue, ''].includes(command.getOptionValue(name));
      if (isBlank(value) && isUnset) unset();
    });
    command.on(`optionEnv:${option.name()}`, (value: unknown) => {
      if (isBlank(value)) unset();
      else if (typeof value === 'string' && parse === undefined)
        command.setOptionValueWithSource(name, value.trim(), 'env');
    });
  }
}

const LIMITING = new WeakSet<object>();

/** Marks an option that limits a right, or what is removed: without its value the command would do more than was meant. */
export function limiting<Limiting extends Option>(option: Limiting): Limiting {
  LIMITING.add(option);
  return option;
}

/** A blank argument never means something: it is a variable that is not set. @throws OtaError `usage` */
export function refuseBlankArguments({ registeredArguments, args }: CommandUnknownOpts): void {
  const blank = registeredArguments.find((_, index) => isBlank(args[index]));
  if (blank !== undefined) throw emptyValue(blank.required ? `<${blank.name()}>` : `[${blank.name()}]`);
}

function emptyValue(name: string): OtaError {
  return new OtaError('usage', `${name} is empty`, {
    hint: 'Give it a value; a variable that it is taken from may not be set.',
  });
}

function isBlank(value: unknown): boolean {
  return typeof value === 'string' && value.trim() === '';
}

/**
 * Refuses a switch together with its negation: no one would know which of the two counts. Of an option with a value that is given
 * twice the last counts, as everywhere, so that scripts can add to a command.
 */
export function refuseContradictions(command: CommandUnknownOpts): void {
  const given = new Map<string, string>();
  for (const option of command.options) {
    const { long } = option;
    if (long === undefined || option.required || option.optional) continue;
    const name = option.attributeName();
    command.on(`option:${option.name()}`, () => {
      const before = given.get(name) ?? long;
      given.set(name, long);
      if (before === long) return;
      throw new OtaError('usage', `${before} and ${long} are both given`, { hint: 'Give one of them.' });
    });
  }
}
