import { knownVersions } from '../../database/queries/app-files.ts';
import { cohortRule, heldReleases } from '../../database/queries/held-releases.ts';
import { type OfferDetails, offerDetails, offersRevision } from '../../database/queries/offers.ts';
import { releasePolicy } from '../../database/queries/release-policy.ts';
import { type ChangedVersions, readAllFiles, readFilesBesides } from '../../database/queries/routed-files.ts';
import type { Queries } from '../../database/schema.ts';
import { inSlices } from '../../runtime/in-slices.ts';
import {
  type AppAnswers,
  type AppRelease,
  type Offering,
  offeredReleases,
  routeApp,
  type Watch,
} from './app-answers.ts';

/** The app to resolve the offers of. */
export interface OfferingApp {
  readonly appId: string;
  readonly slug: string;
  /** Of this server, without a slash at the end. */
  readonly publicUrl: string;
  /** When the offers hold, in milliseconds since 1970. */
  readonly now: number;
}

/** Finds those of some files that the storage has lost, by their storage keys. */
export type FindLost = (
  files: readonly Pick<OfferDetails, 'storageKey' | 'fileSize'>[],
) => Promise<ReadonlySet<string>>;

export interface RouteOptions {
  /** By default what is marked in the database is all that is lost. */
  readonly findLost?: FindLost | undefined;
  /** Reads all files, not only those that decide. */
  readonly watch?: Watch | undefined;
  /** A change that is thought of: the files are read that decide afterwards, too. */
  readonly around?: ChangedVersions | undefined;
}

export interface RoutedOffers {
  readonly offering: Offering;
  readonly answers: AppAnswers<AppRelease>;
  /** Of the files that are offered, by artifact id. */
  readonly details: ReadonlyMap<string, OfferDetails>;
  /** Files that the storage has lost and that are not marked so, by artifact id. */
  readonly gone: ReadonlySet<string>;
  /** The app's revision that all this is of. */
  readonly revision: number | undefined;
}

/** Reads what decides the offers of an app, as it is at one moment, and decides them: none leads to a lost file. */
export async function routeOffers(
  db: Queries,
  app: Pick<OfferingApp, 'appId' | 'now'>,
  { findLost = async () => new Set(), watch, around }: RouteOptions,
): Promise<RoutedOffers> {
  const gone = new Set<string>();
  for (;;) {
    watch?.traces.clear();
    const revision = await offersRevision(db, app.appId);
    const offering = await readOffering(db, app, { gone, isWhole: watch !== undefined, around });
    const answers = await inSlices(routeApp(offering, watch));
    const chosen = [...new Set(offeredReleases(answers).flatMap(({ files }) => files))];
    const details = await offerDetails(db, chosen);
    const offered = chosen.flatMap((file) => {
      const ofFile = details.get(file.artifactId);
      return ofFile === undefined ? [] : [[file.artifactId, ofFile] as const];
    });
    const lost = await findLost(offered.map(([, file]) => file));
    if ((await offersRevision(db, app.appId)) !== revision) continue;
    // Lost, and not marked so: choose among the others, which get fewer each time.
    const found = offered.filter(([, { storageKey }]) => lost.has(storageKey));
    for (const [artifactId] of found) gone.add(artifactId);
    if (found.length === 0) return { offering, answers, details: new Map(offered), gone, revision };
  }
}

interface ReadOfferingOptions extends Pick<RouteOptions, 'around'> {
  readonly gone: ReadonlySet<string>;
  readonly isWhole: boolean;
}

async function readOffering(
  db: Queries,
  { appId, now }: Pick<OfferingApp, 'appId' | 'now'>,
  { gone, isWhole, around }: ReadOfferingOptions,
): Promise<Offering> {
  const held = await heldReleases(db, appId, now);
  const policy = await releasePolicy(db, appId);
  const { live, known } = await (isWhole || gone.size > 0
    ? readAllFiles(db, appId)
    : readFilesBesides(db, appId, { held: [...held, ...policy.rolledBack], change: around }));
  return {
    live: live.filter(({ artifactId }) => !gone.has(artifactId)),
    versions: knownVersions(known),
    held,
    cohortRule: held.length === 0 && around === undefined ? undefined : await cohortRule(db, appId),
    ...{ policy, now },
  };
}
