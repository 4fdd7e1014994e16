import { type Logger, type LoggerOptions as PinoOptions, pino, stdTimeFunctions } from 'pino';
import { type PrintableText, withoutControls } from '../printable/printable-text.ts';
import type { Colors } from './colors.ts';
import { lineSink } from './line-sink.ts';

export interface LoggerOptions {
  /** By default text on a terminal, JSON lines elsewhere. */
  readonly format: 'pretty' | 'json' | undefined;
  readonly level: 'debug' | 'info' | 'warn';
  readonly colors: Colors;
  readonly printable: PrintableText;
  /** By default stdout. */
  readonly stream?: 'stdout' | 'stderr';
}

interface SafeLineOptions {
  readonly printable: PrintableText;
  readonly isJson: boolean;
}

/**
 * The server's log: text for people, JSON lines for machines. A line that cannot be written is lost, and counted in a
 * later one: logging never fails, and nothing waits for it.
 */
export async function createLogger(options: LoggerOptions): Promise<Logger> {
  const { format, level, colors, printable, stream = 'stdout' } = options;
  const settings = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    // Belt and braces: nothing logs headers, but an error may carry the request it came from.
    redact: ['*.headers.authorization', '*.headers.cookie', 'headers.authorization', 'headers.cookie'],
  };
  const chosen = format ?? (process[stream].isTTY ? 'pretty' : 'json');
  const isJson = chosen === 'json';
  const print = isJson ? (line: string) => line : await prettyPrinter(colors[stream]);
  const toLine = (line: string) => print(safeLine(line, { printable, isJson }));
  const sink = lineSink(stream);
  sink.describeLoss = (lost, reason) => toLine(lossLine(settings, lost, reason));
  return pino(settings, { write: (line) => sink.write(toLine(line)) });
}

/** The line, with each of its texts printable. Most lines are so as they are. */
function safeLine(line: string, { printable, isJson }: SafeLineOptions): string {
  const plain = withoutControls(line);
  const needsNoChange = isJson || !/\\(?:u|n|r)/.test(plain);
  if (needsNoChange && printable.mask(plain) === plain) return plain;
  const value = JSON.parse(plain, (name, inner) => {
    if (typeof inner !== 'string') return inner;
    if (isJson) return printable.mask(inner);
    return name === 'stack' ? printable.text(inner) : printable.lines(inner);
  });
  return `${printable.json(value)}\n`;
}

async function prettyPrinter(colorize: boolean): Promise<(line: string) => string> {
  const { default: pretty } = await import('pino-pretty');
  return pretty.prettyFactory({
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname',
    singleLine: true,
    colorize,
  });
}

/** A line like any other of the log, made without writing it. */
function lossLine(settings: PinoOptions, lost: number, reason: string): string {
  let text = '';
  const logger = pino(settings, {
    write: (line) => {
      text = line;
    },
  });
  logger.warn({ lost, reason }, 'lines of this log were lost, because they could not be written');
  return text;
}
