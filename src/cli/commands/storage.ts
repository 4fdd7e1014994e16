import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attribution } from '../../database/attribution.ts';
import type { Database } from '../../database/database.ts';
import { storageBinding } from '../../database/queries/storage-binding.ts';
import { urlSigningKeys } from '../../database/queries/url-signing-keys.ts';
import { lockForServing } from '../../database/sqlite/serve-lock.ts';
import { OtaError } from '../../errors.ts';
import { type AdoptResult, adoptPlace, type Watcher } from '../../ownership/adopt-place.ts';
import type { OwnerDocument } from '../../ownership/owner-document.ts';
import { inspectPlace } from '../../ownership/place.ts';
import { monotonicClock } from '../../ownership/renewal-watch.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { isRemote } from '../../storage/remote-storage.ts';
import type { Context } from '../context.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { placeOf, readStorage, type S3Settings } from '../options/storage-options.ts';
import { canAsk, confirm } from '../prompt/ask.ts';
import { noDataFolder, requirePostgresUrl, withStore } from '../wiring/open-store.ts';
import { lockFiles, openDisk, openProbedS3, type ServerStorage } from '../wiring/server-storage.ts';
import type { StorageClaimOptions } from './storage-command.ts';

/** Makes the files of a place the database's, which took them over on purpose. */
export async function runStorageClaim(options: StorageClaimOptions, context: Context): Promise<void> {
  const errors = new OptionErrors();
  const s3 = readStorage(options, errors);
  errors.attempt(() => requirePostgresUrl(options.database));
  errors.throwIfAny();
  const { dataDir } = options;
  await withStore(options, context, async (database, by) => {
    const unlock = s3 === undefined ? await lockExisting(dataDir) : () => {};
    try {
      const opened = await openPlace(database, { ...options, s3, output: context.output });
      const unlockFiles = s3 === undefined ? await lockFiles(dataDir) : () => {};
      try {
        await claim({ database, ...opened, by, location: s3 ? opened.place : dataDir }, options, context);
      } finally {
        if (isRemote(opened.storage)) opened.storage.close();
        unlockFiles();
      }
    } finally {
      unlock();
    }
  });
}

/** A mistyped folder would be created, and be claimed as one that has lost all its files. */
function lockExisting(dataDir: string): Promise<() => void> {
  if (!existsSync(dataDir)) throw noDataFolder(dataDir);
  return lockForServing({ dataDir, hint: 'Stop it first.' });
}

type Claim = ServerStorage & {
  readonly database: Database;
  readonly by: Attribution;
  readonly location: string;
};

async function claim(place: Claim, options: StorageClaimOptions, context: Context): Promise<void> {
  const { output } = context;
  const intent = await describeClaim(place);
  if (options.yes) output.note(intent);
  else await requireConsent(intent, context);
  const result = await adoptPlace({ ...place, force: options.force ?? false, watcher: watcherFor(context) });
  output.document(toDocument(result, place.location));
  output.result(
    result.kind === 'adopted'
      ? `The files in ${place.location} now belong to this database. Start \`synckit-ota serve\`.`
      : `The files in ${place.location} already belong to this database.`,
  );
}

/** Waits for real, and says so. */
function watcherFor({ output, signal }: Context): Watcher {
  return {
    now: monotonicClock,
    pause: (milliseconds) =>
      sleep(milliseconds, undefined, { signal }).catch(() => {
        throw new OtaError('interrupted', 'nothing was changed');
      }),
    onWatch: (milliseconds) =>
      output.note(
        `Watching for ${milliseconds / 1000} seconds whether a server still uses them; --force does not wait.`,
      ),
  };
}

async function describeClaim(place: Claim): Promise<string[]> {
  const { owner } = await inspectPlace(place);
  const bound = await storageBinding(place.database.queries);
  return [
    `The files in ${place.location} belong to ${owner === undefined ? 'no database' : `the database ${owner.database_id}`}.`,
    ...(owner ? [`They were last used at ${formatTimestamp(owner.renewed_at)} by ${owner.holder}.`] : []),
    ...(bound !== undefined && bound !== place.place
      ? [`The files of ${place.database.location} were in ${bound} so far.`]
      : []),
    `They will belong to ${place.database.location}.`,
  ];
}

type PlaceSettings = Pick<StorageClaimOptions, 'dataDir' | 'database'> &
  Pick<Context, 'output'> & { readonly s3: S3Settings | undefined };

async function openPlace(
  { queries, clock }: Database,
  { dataDir, database, s3, output }: PlaceSettings,
): Promise<ServerStorage> {
  if (s3 !== undefined) {
    const { storage, warnings } = await openProbedS3(s3, clock);
    for (const warning of warnings) output.warning(warning);
    return { storage, place: placeOf(s3) };
  }
  const disk = { dataDir, keys: urlSigningKeys(queries, clock), publicUrl: () => '' };
  return openDisk(disk, Boolean(database));
}

/** @throws OtaError `usage` where no one can be asked; `interrupted` when the answer is no, or none */
async function requireConsent(intent: readonly string[], context: Context): Promise<void> {
  if (!canAsk()) {
    context.output.note(intent);
    throw new OtaError('usage', 'nothing was changed: there is no terminal to ask on', {
      hint: 'Pass --yes if that is what you want.',
    });
  }
  if (await confirm([...intent, 'Continue?'], 'nothing was changed', context)) return;
  throw new OtaError('interrupted', 'nothing was changed');
}

function toDocument({ kind, before }: AdoptResult, storage: string) {
  return {
    status: kind === 'adopted' ? 'claimed' : 'unchanged',
    storage,
    from: before === undefined ? null : fromDocument(before),
  };
}

function fromDocument({ database_id, epoch, renewed_at, holder }: OwnerDocument) {
  return { database_id, epoch, renewed_at: formatTimestamp(renewed_at), holder };
}
