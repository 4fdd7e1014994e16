import { styleText } from 'node:util';
import { type Environment, isPlain } from '../environment.ts';

/** Whether text on each stream may be coloured. */
export interface Colors {
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export type Style = (format: Parameters<typeof styleText>[0], text: string) => string;

/** The terminal decides, unless `NO_COLOR` or `FORCE_COLOR` is set; a log has colours only with `FORCE_COLOR`. */
export function readColors(environment: Environment): Colors {
  const never = isPlain(environment) && environment.FORCE_COLOR === undefined;
  const has = (stream: NodeJS.WriteStream) => !never && styleText('bold', ' ', { stream }) !== ' ';
  return { stdout: has(process.stdout), stderr: has(process.stderr) };
}

export function createStyle(colored: boolean): Style {
  return (format, text) => (colored ? styleText(format, text, { validateStream: false }) : text);
}
