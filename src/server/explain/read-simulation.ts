import { recordedKinds } from '../../database/queries/default-kinds.ts';
import { findListed } from '../../database/queries/list-releases.ts';
import { offersRevision } from '../../database/queries/offers.ts';
import type { Queries } from '../../database/schema.ts';
import { precedenceOf } from '../../protocol/version.ts';
import { type FindLost, type OfferingApp, routeOffers } from '../update-check/route-offers.ts';
import type { Simulation } from './simulate.ts';
import type { SimulatedChange } from './simulated-change.ts';
import { versionsInField } from './versions-in-field.ts';

/** Reads all that a change is compared with, as it is at one moment. */
export async function readSimulation(
  db: Queries,
  { appId, now }: Pick<OfferingApp, 'appId' | 'now'>,
  { change, findLost }: { readonly change: SimulatedChange; readonly findLost: FindLost | undefined },
): Promise<Simulation> {
  const precedence = precedenceOf(change.version);
  for (;;) {
    const release = await findListed(db, appId, change.version);
    const requires = [change.requires ?? release?.requires].filter((version) => version != null);
    const around = { versions: [precedence], requires };
    const { offering, answers, revision } = await routeOffers(db, { appId, now }, { findLost, around });
    const recorded = await recordedKinds(db, { app_id: appId, precedence });
    const known = offering.versions.map(({ version }) => version);
    const field = await versionsInField(db, { appId, now, known });
    const changed = { release, recorded, change };
    if ((await offersRevision(db, appId)) === revision) return { offering, answers, changed, field };
  }
}
