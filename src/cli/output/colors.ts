import { styleText } from 'node:util';
import { type Environment, isPlain } from '../environment.ts';
import { coloredText } from '../printable/colored-text.ts';

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

/** What it colours has to be printed by `PrintableText`, which lets no other colours through. */
export function createStyle(colored: boolean): Style {
  return (format, text) => {
    if (!colored) return text;
    const [open = '', close = ''] = styleText(format, ' ', { validateStream: false }).split(' ');
    return coloredText(text, { open, close });
  };
}
