import type { CommandUnknownOpts } from '@commander-js/extra-typings';

/**
 * Makes a blank value of an option count as if the option was not given, so that a variable of CI that is not set has no
 * effect: then its environment variable counts, else its default. Blank values of environment variables are ignored
 * too. Line breaks around other values are removed: secrets and the output of commands often end with one.
 */
export function ignoreBlankValues(command: CommandUnknownOpts): void {
  for (const option of command.options) {
    if (!option.required && !option.optional) continue; // takes no value
    const name = option.attributeName();
    const parse = option.parseArg;
    option.argParser((value: string, previous: unknown): unknown => {
      if (isBlank(value)) return previous;
      return parse === undefined ? value.replace(/^[\r\n]+|[\r\n]+$/g, '') : parse(value, previous);
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

function isBlank(value: unknown): boolean {
  return typeof value === 'string' && value.trim() === '';
}
