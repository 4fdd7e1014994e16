import { type Logger, pino, stdTimeFunctions } from 'pino';

export interface LoggerOptions {
  /** Text on a terminal and JSON lines elsewhere, unless it is given. */
  readonly format: 'pretty' | 'json' | undefined;
  /** Every check too. */
  readonly verbose: boolean;
  /** No colours, also on a terminal. */
  readonly plain: boolean;
}

/** The server's log, on stdout: text for people, JSON lines for machines. */
export async function createLogger({ format, verbose, plain }: LoggerOptions): Promise<Logger> {
  const options = {
    level: verbose ? 'debug' : 'info',
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    // Belt and braces: nothing logs headers, but an error may carry the request it came from.
    redact: ['*.headers.authorization', '*.headers.cookie', 'headers.authorization', 'headers.cookie'],
  };
  const chosen = format ?? (process.stdout.isTTY ? 'pretty' : 'json');
  if (chosen === 'json') return pino(options);
  const { default: pretty } = await import('pino-pretty');
  return pino(
    options,
    pretty({
      translateTime: 'SYS:HH:MM:ss',
      ignore: 'pid,hostname',
      singleLine: true,
      sync: true,
      colorize: process.stdout.isTTY && !plain,
    }),
  );
}
