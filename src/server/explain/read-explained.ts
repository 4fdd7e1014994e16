import { type ListedRelease, listPlaces, readListed } from '../../database/queries/list-releases.ts';
import { offersRevision } from '../../database/queries/offers.ts';
import type { Queries } from '../../database/schema.ts';
import { compareVersions } from '../../protocol/version.ts';
import type { InstalledApp, Watch } from '../update-check/app-answers.ts';
import { type FindLost, type OfferingApp, routeOffers } from '../update-check/route-offers.ts';
import type { ExplainedApp } from './findings.ts';

/** Releases above the app's version that are read: others are named only where they are live. */
const MAX_READ = 1000;
const PAGE = 250;

/** Reads all that decides what an app is answered, as it is at one moment. */
export async function readExplained(
  db: Queries,
  app: Pick<OfferingApp, 'appId' | 'now'>,
  { asked, findLost }: { readonly asked: InstalledApp; readonly findLost: FindLost | undefined },
): Promise<ExplainedApp> {
  const traces: Watch['traces'] = new Map();
  for (;;) {
    const { offering, answers, revision } = await routeOffers(db, app, {
      findLost,
      watch: { asked, traces },
    });
    const listed = await readAbove(db, app.appId, asked.currentVersion);
    if ((await offersRevision(db, app.appId)) === revision) return { offering, answers, traces, listed };
  }
}

/** With the first page of those that are not above it, for what is said of the one that is offered. */
async function readAbove(db: Queries, appId: string, version: string): Promise<ListedRelease[]> {
  const listed: ListedRelease[] = [];
  for (let after: string | undefined; listed.length < MAX_READ; ) {
    const page = await listPlaces(db, appId, { limit: PAGE, after });
    listed.push(...(await readListed(db, page, { text: 'none' })));
    after = page.at(-1)?.version;
    if (page.length < PAGE || after === undefined || compareVersions(after, version) <= 0) break;
  }
  return listed;
}
