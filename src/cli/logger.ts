import { type Logger, pino, stdTimeFunctions } from 'pino';

/** The server's log, on stdout: text for people, JSON lines for machines. */
export async function createLogger(format: 'pretty' | 'json' | undefined, verbose: boolean): Promise<Logger> {
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
    pretty({ translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname', singleLine: true, sync: true }),
  );
}
