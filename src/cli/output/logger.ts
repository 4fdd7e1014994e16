import { type Logger, pino, stdTimeFunctions } from 'pino';
import type { Colors } from './colors.ts';

export interface LoggerOptions {
  /** By default text on a terminal, JSON lines elsewhere. */
  readonly format: 'pretty' | 'json' | undefined;
  readonly level: 'debug' | 'info' | 'warn';
  readonly colors: Colors;
  /** By default stdout. */
  readonly stream?: 'stdout' | 'stderr';
}

/** The server's log: text for people, JSON lines for machines. */
export async function createLogger(options: LoggerOptions): Promise<Logger> {
  const { format, level, colors, stream = 'stdout' } = options;
  const { isTTY, fd: destination } = process[stream];
  const settings = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    // Belt and braces: nothing logs headers, but an error may carry the request it came from.
    redact: ['*.headers.authorization', '*.headers.cookie', 'headers.authorization', 'headers.cookie'],
  };
  const chosen = format ?? (isTTY ? 'pretty' : 'json');
  if (chosen === 'json') return pino(settings, pino.destination(destination));
  const { default: pretty } = await import('pino-pretty');
  return pino(
    settings,
    pretty({
      destination,
      translateTime: 'SYS:HH:MM:ss',
      ignore: 'pid,hostname',
      singleLine: true,
      sync: true,
      colorize: colors[stream],
    }),
  );
}
