import type { Database } from '../../database/database.ts';
import { findApp } from '../../database/queries/apps.ts';
import { OtaError } from '../../errors.ts';
import type { AppResponse } from '../../protocol/messages.ts';
import { jsonList } from '../../server/handlers/list-turns.ts';
import { allPlaces, deletedAsJson, releasesAsJson } from '../../server/handlers/listed-releases.ts';
import { deletedFileResponse } from '../../server/handlers/publish-state.ts';

/** An app with its releases, as the server that reads its own database describes it. @throws OtaError `preflight_refused` */
export async function readOwnApp(database: Database, appId: string): Promise<AppResponse> {
  const app = await findApp(database.queries, appId);
  if (app === undefined) throw new OtaError('preflight_refused', 'the app was deleted');
  const source = { database, clock: database.clock };
  const toDeleted = deletedFileResponse({ allowVersionReuse: false });
  const [releases, deleted] = await Promise.all([
    whole(jsonList(releasesAsJson(source, allPlaces(source, appId), { isBrief: false }))),
    whole(jsonList(deletedAsJson(source, appId, toDeleted))),
  ]);
  const { id, name, slug, pubkey } = app;
  return { id, name, slug, pubkey, releases: JSON.parse(releases), deleted: JSON.parse(deleted) };
}

async function whole(pieces: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
}
