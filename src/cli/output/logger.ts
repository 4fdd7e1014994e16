import { type Logger, pino, stdTimeFunctions } from 'pino';

export interface LoggerOptions {
  /** Text on a terminal and JSON lines elsewhere, unless it is given. */
  readonly format: 'pretty' | 'json' | undefined;
  readonly level: 'debug' | 'info' | 'warn';
  /** No colours, also on a terminal. */
  readonly plain: boolean;
  /** Standard output, unless it is given. */
  readonly stream?: 'stdout' | 'stderr';
}

/** The server's log: text for people, JSON lines for machines. */
export async function createLogger(options: LoggerOptions): Promise<Logger> {
  const { format, level, plain, stream = 'stdout' } = options;
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
      colorize: isTTY && !plain,
    }),
  );
}
