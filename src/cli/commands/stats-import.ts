import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { countsOf, FEWEST_CLIENTS, mergeCounts } from '../../database/queries/counts.ts';
import { everySlug, everyVersion } from '../../database/queries/known-apps.ts';
import { OtaError } from '../../errors.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { LogCounter } from '../access-logs/log-counter.ts';
import { formatOf, type LogFormat, lineReader } from '../access-logs/log-line.ts';
import type { Context } from '../context.ts';
import { formatCount } from '../format.ts';
import { withStore } from '../wiring/open-store.ts';
import type { StatsImportOptions } from './stats-command.ts';

/** Counts what a CDN has answered instead of the server. */
export async function runStatsImport(
  options: StatsImportOptions,
  context: Context,
  files: readonly string[],
): Promise<void> {
  const hashes = await Promise.all(files.map(hashOfFile));
  const generation = `import ${createHash('sha256').update(hashes.sort().join()).digest('hex')}`;
  await withStore(options, context, async ({ queries }) => {
    if ((await countsOf(queries, generation)) > 0) {
      throw new OtaError('conflict', 'these logs were imported before', { hint: 'Nothing has to be done.' });
    }
    const known = { apps: await everySlug(queries), versions: await everyVersion(queries) };
    const counter = new LogCounter(known, generation);
    let lines = 0;
    for (const file of files) lines += await countFile(file, { counter, format: options.format });
    const cells = counter.cells.filter(({ sketch }) => sketch.estimate() >= FEWEST_CLIENTS - 0.5);
    await mergeCounts(queries, cells);
    if (counter.isFull) context.output.warning('there were more versions or platforms than are counted');
    const { checks, downloads } = counter;
    context.output.document({ files: files.length, lines, checks, downloads, counts: cells.length });
    const found = `${formatCount(checks, 'update check')} and ${formatCount(downloads, 'download')}`;
    context.output.result(`Counted ${found} in ${formatCount(lines, 'line')}.`);
  });
}

async function hashOfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  return hash.digest('hex');
}

interface FileCount {
  readonly counter: LogCounter;
  readonly format: LogFormat | undefined;
}

/** @returns the number of its lines */
async function countFile(file: string, { counter, format }: FileCount): Promise<number> {
  let lines = 0;
  let read = format && lineReader(format);
  try {
    for await (const line of createInterface({ input: textOf(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      lines += 1;
      const found = read === undefined ? formatOf(line) : undefined;
      if (found !== undefined) read = lineReader(found);
      const request = read?.(line);
      if (request !== undefined) counter.count(request);
    }
  } catch (cause) {
    throw unreadable(file, cause);
  }
  if (read === undefined && lines > 0) {
    throw new OtaError('usage', `${file} is no access log in a format that is known`, {
      hint: 'Write it in the combined format of nginx and Apache, or name its format with --format.',
    });
  }
  return lines;
}

function textOf(file: string): Readable {
  const stream = createReadStream(file);
  if (!file.endsWith('.gz')) return stream;
  const text = createGunzip();
  stream.on('error', (error) => text.destroy(error));
  return stream.pipe(text);
}

function unreadable(file: string, cause: unknown): OtaError {
  return new OtaError('usage', `${file} cannot be read: ${messageOf(cause)}`, { cause });
}
