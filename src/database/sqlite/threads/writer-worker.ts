import { parentPort, workerData } from 'node:worker_threads';
import type Sqlite from 'better-sqlite3';
import { errorCode, messageOf } from '../../../runtime/error-details.ts';
import { assertDurable, openSqliteFile } from '../sqlite-connection.ts';
import type { WriterCommand, WriterReply, WriterResult } from './writer-messages.ts';

// The entry of a worker thread: it alone writes to a database, and waits for the disk.

const connection = await openSqliteFile(workerData);
assertDurable(connection);

parentPort?.on('message', (command: WriterCommand) => {
  reply(answer(connection, command));
  if (command.kind === 'close') parentPort?.close();
});
reply({ kind: 'done', rows: [] });

function answer(database: Sqlite.Database, command: WriterCommand): WriterReply {
  try {
    if (command.kind === 'run') return { kind: 'done', ...run(database, command) };
    database.close();
    return { kind: 'done', rows: [] };
  } catch (error) {
    return { kind: 'failed', message: messageOf(error), code: errorCode(error) };
  }
}

function run(
  database: Sqlite.Database,
  { sql, parameters }: Extract<WriterCommand, { readonly kind: 'run' }>,
): WriterResult {
  const statement = database.prepare<unknown[], WriterResult['rows'][number]>(sql);
  return statement.reader
    ? { rows: statement.all(...parameters) }
    : { rows: [], ...statement.run(...parameters) };
}

function reply(message: WriterReply): void {
  parentPort?.postMessage(message);
}
