import { type DeletedFile, deletedFilePage } from '../../database/queries/artifacts.ts';
import {
  type ListedRelease,
  type ListPlace,
  listPlaces,
  readListed,
} from '../../database/queries/list-releases.ts';
import { readOutstanding } from '../../database/queries/release-files.ts';
import type { DeletedFileResponse, ReleaseResponse } from '../../protocol/messages.ts';
import { platformName } from '../../protocol/platform.ts';
import { toListed } from '../http/release-response.ts';
import type { Services } from '../services.ts';
import { inTurn } from './list-turns.ts';

type Source = Pick<Services, 'database' | 'clock'>;

/** Releases that are looked up at once, without their text. */
const PLACES_AT_ONCE = 100;
/** The most releases and text that are read and serialized at once: what other requests wait for. */
const CHUNK_RELEASES = 25;
const CHUNK_BYTES = 128 * 1024;
const DELETED_AT_ONCE = 250;

/** api.md, "List Releases"; a draft with the platforms that are being uploaded into it (extension `draft`). */
export async function toListedReleases(
  { database, clock }: Source,
  releases: readonly ListedRelease[],
): Promise<ReleaseResponse[]> {
  const drafts = releases.filter(({ status }) => status === 'draft').map(({ id }) => id);
  const outstanding = await readOutstanding(database.queries, drafts, clock());
  return releases.map((release): ReleaseResponse => {
    const uploading = [...new Set(outstanding.get(release.id)?.map(platformName))].sort();
    return { ...toListed(release, clock()), ...(uploading.length > 0 && { uploading }) };
  });
}

/** The places of all releases of an app, page by page. */
export async function* allPlaces({ database }: Source, appId: string): AsyncGenerator<ListPlace[]> {
  for (let after: string | undefined; ; ) {
    const page = await listPlaces(database.queries, appId, { limit: PLACES_AT_ONCE, after });
    yield page;
    after = page.at(-1)?.version;
    if (page.length < PLACES_AT_ONCE) return;
  }
}

export interface ListOptions {
  /** Without notes and signatures. */
  readonly isBrief: boolean;
}

/** Releases as JSON, a few at a time, so that a list of any length takes little memory, and others have their turn. */
export async function* releasesAsJson(
  source: Source,
  pages: AsyncIterable<readonly ListPlace[]> | Iterable<readonly ListPlace[]>,
  { isBrief }: ListOptions,
): AsyncGenerator<string[]> {
  for await (const page of pages) {
    for (const places of chunked(page, isBrief)) {
      yield await inTurn(async () => {
        const text = isBrief ? 'none' : 'all';
        const listed = await readListed(source.database.queries, places, { text });
        const releases = await toListedReleases(source, listed);
        return releases.map((release) => JSON.stringify(isBrief ? toBrief(release) : release));
      });
    }
  }
}

/** The files that were live and deleted as JSON, in the same way. */
export async function* deletedAsJson(
  { database }: Source,
  appId: string,
  toResponse: (file: DeletedFile) => DeletedFileResponse,
): AsyncGenerator<string[]> {
  for (let after: DeletedFile | undefined; ; ) {
    const options = { limit: DELETED_AT_ONCE, after };
    const page = await inTurn(() => deletedFilePage(database.queries, appId, options));
    yield page.map((file) => JSON.stringify(toResponse(file)));
    after = page.at(-1);
    if (page.length < DELETED_AT_ONCE) return;
  }
}

function* chunked(places: readonly ListPlace[], isBrief: boolean): Generator<readonly ListPlace[]> {
  let chunk: ListPlace[] = [];
  let bytes = 0;
  for (const place of places) {
    const size = isBrief ? 0 : place.textBytes;
    if (chunk.length === CHUNK_RELEASES || (chunk.length > 0 && bytes + size > CHUNK_BYTES)) {
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
    chunk.push(place);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

function toBrief({ notes: _, signature: __, ...release }: ReleaseResponse): ReleaseResponse {
  return release;
}
