import type { FastifyInstance } from 'fastify';
import { SimulateRequest, type SimulateResponse } from '../../protocol/messages.ts';
import { publicKeyIdOf } from '../../protocol/minisign.ts';
import { compareVersions } from '../../protocol/version.ts';
import { inSlices } from '../../runtime/in-slices.ts';
import { readSimulation } from '../explain/read-simulation.ts';
import { simulate } from '../explain/simulate.ts';
import type { SimulatedChange } from '../explain/simulated-change.ts';
import { InvalidRequest } from '../http/error-reply.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Turns } from '../limits/request-limits.ts';
import type { Services } from '../services.ts';
import type { FindLost } from '../update-check/route-offers.ts';
import { readRollout } from './requested-rollout.ts';
import { noSuchRelease } from './require-release.ts';

/** Extension `simulate`. */
export function registerSimulate(
  app: FastifyInstance,
  { database, clock }: Services,
  { turns, findLost }: { readonly turns: Turns; readonly findLost: FindLost | undefined },
): void {
  registerRoute(app, 'simulate', {
    body: SimulateRequest,
    handle: async ({ params: { app_id: appId }, body, raw }, reply): Promise<SimulateResponse> => {
      const change = changeOf(body);
      await turns.take(raw.token?.id ?? '', reply);
      const now = clock().getTime();
      const read = await readSimulation(database.queries, { appId, now }, { change, findLost });
      // Without files there is nothing to think of.
      if (read.changed.release === undefined && body.artifacts === undefined) throw noSuchRelease();
      return inSlices(simulate(read));
    },
  });
}

/** @throws InvalidRequest */
function changeOf({ rollout, ...change }: SimulateRequest): SimulatedChange {
  const { version, requires, embedded_pubkey: pubkey } = change;
  if (requires != null && compareVersions(requires, version) >= 0)
    throw new InvalidRequest({ field: 'requires', message: `must be lower than ${version}` });
  if (pubkey !== undefined && publicKeyIdOf(pubkey) === undefined)
    throw new InvalidRequest({ field: 'embedded_pubkey', message: 'must be a minisign public key' });
  return { ...change, ...(rollout !== undefined && { rollout: rollout && readRollout(rollout) }) };
}
