import type { Database } from '../../database/database.ts';
import { findApp } from '../../database/queries/apps.ts';
import { type ShownFile, shownFiles, shownReleases } from '../../database/queries/download-page.ts';
import { findOfferingApp } from '../../database/queries/offers.ts';
import type { Queries } from '../../database/schema.ts';
import { STABLE } from '../../protocol/channel.ts';
import { ARCHS, compareByPreference, type Target } from '../../protocol/platform.ts';
import { compareVersions } from '../../protocol/version.ts';
import { downloadName } from '../http/download-name.ts';
import { type LatestFiles, readLatestFiles } from '../update-check/latest-files.ts';
import { StaleIfErrorCache, type StaleIfErrorCacheOptions } from '../update-check/stale-if-error-cache.ts';
import { renderNotes } from './render-notes.ts';

/** How many releases a page and a feed list. */
const MAX_RELEASES = 20;
/** Memory for the pages of all apps. */
const MAX_BYTES = 16 * 1024 * 1024;
const FILE_BYTES = 500;

export interface PageFile extends ShownFile {
  /** What it is saved as. */
  readonly name: string;
}

export interface PageRelease {
  readonly id: string;
  readonly version: string;
  /** Safe HTML; empty for none. */
  readonly notesHtml: string;
  /** Milliseconds since 1970. */
  readonly pubDate: number;
}

/** What people see of a channel of an app. */
export interface PageContent {
  readonly appId: string;
  readonly name: string;
  /** The current one, whichever was asked for. */
  readonly slug: string;
  readonly channel: string;
  /** The latest of each platform, in the order to list them. */
  readonly files: readonly PageFile[];
  /** The highest version first. */
  readonly releases: readonly PageRelease[];
  /** When it is another one without a change, in milliseconds since 1970. */
  readonly expiresAt: number;
}

export type PageCacheOptions = Pick<
  StaleIfErrorCacheOptions<PageContent>,
  'clock' | 'staleIfError' | 'onStale'
> & { readonly database: Database };

/** The contents of pages, read and rendered again when the app has changed. */
export class PageCache {
  readonly #pages: StaleIfErrorCache<PageContent>;

  constructor({ database, ...options }: PageCacheOptions) {
    this.#pages = new StaleIfErrorCache({
      changeCounter: (page) => database.changeCounter(page?.appId),
      doubtCounter: () => database.doubtCounter(),
      load: (key) => {
        const [slug = '', channel = STABLE] = key.split(' ');
        return load(database.queries, { slug, channel, now: options.clock().getTime() });
      },
      expiresAt: (page) => page.expiresAt,
      sizeOf: ({ files, releases }) =>
        FILE_BYTES * (files.length + 1) +
        releases.reduce((sum, { notesHtml }) => sum + 2 * notesHtml.length, 0),
      maxBytes: MAX_BYTES,
      ...options,
    });
  }

  /** @returns undefined for an unknown slug. @throws when the database fails and nothing recent is known */
  find(slug: string, channel: string): Promise<PageContent | undefined> {
    return this.#pages.get(`${slug} ${channel}`);
  }
}

interface AskedPage {
  readonly slug: string;
  readonly channel: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

async function load(db: Queries, { slug, channel, now }: AskedPage): Promise<PageContent | undefined> {
  const offering = await findOfferingApp(db, slug);
  const app = offering && (await findApp(db, offering.appId));
  if (offering === undefined || app === undefined) return undefined;
  const latest = await readLatestFiles(db, app.id, now);
  const { withheld, expiresAt } = latest;
  const channels = [...new Set([STABLE, channel])];
  const limit = MAX_RELEASES + withheld.size;
  const releases = (await shownReleases(db, app.id, { channels, limit })).filter(
    ({ id }) => !withheld.has(id),
  );
  return {
    appId: app.id,
    name: app.name,
    slug: offering.slug,
    channel,
    files: await latestOf(db, offering.slug, latest.byChannel.get(channel) ?? latest.byChannel.get(STABLE)),
    releases: releases.slice(0, MAX_RELEASES).map(({ notes, ...release }) => ({
      ...release,
      notesHtml: renderNotes(notes ?? ''),
    })),
    expiresAt,
  };
}

type Latest = LatestFiles['byChannel'] extends ReadonlyMap<string, infer Files> ? Files : never;

async function latestOf(db: Queries, slug: string, latest: Latest | undefined): Promise<PageFile[]> {
  const ids = new Set([...(latest?.values() ?? [])].map(({ artifactId }) => artifactId));
  const files = await shownFiles(db, [...ids]);
  return files.map((file) => ({ ...file, name: downloadName({ ...file, slug }) })).toSorted(inOrder);
}

/** By system, then arch, then the kind that is preferred. */
function inOrder(a: ShownFile, b: ShownFile): number {
  return (
    placeOf(a) - placeOf(b) ||
    a.target.localeCompare(b.target) ||
    archPlaceOf(a) - archPlaceOf(b) ||
    compareByPreference(a, b) ||
    compareVersions(b.version, a.version)
  );
}

const ORDER: readonly string[] = ['windows', 'darwin', 'linux'] satisfies Target[];

/** What most computers of a system have comes first. */
function archPlaceOf({ target, arch }: ShownFile): number {
  return target === 'darwin' && arch === 'aarch64' ? -1 : ARCHS.indexOf(arch);
}

/** Custom targets come last. */
function placeOf({ target }: ShownFile): number {
  const place = ORDER.indexOf(target);
  return place < 0 ? ORDER.length : place;
}
