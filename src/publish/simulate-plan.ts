import { OtaError } from '../errors.ts';
import { allows, SCOPES } from '../protocol/access/scope.ts';
import type { SimulateRequest, SimulateResponse } from '../protocol/messages.ts';
import { signingKeyIdOf } from '../protocol/minisign.ts';
import type { Plan } from './plan/plan.ts';
import { plannedRouting } from './plan/routing.ts';
import type { Publisher } from './publisher.ts';
import type { ReleaseRequest } from './release-request.ts';
import { type ServerState, supports } from './server-state/server-state.ts';

interface Planned {
  readonly request: ReleaseRequest;
  readonly plan: Plan;
  readonly server: ServerState;
}

/**
 * Extension `simulate`: what apps would be offered once what is planned is live. Undefined where the server does not know
 * it, where the token may not read, and where it fails: it is no part of the publish.
 */
export async function simulatePlan(
  { client, retry, appId }: Publisher,
  { request, plan, server }: Planned,
): Promise<SimulateResponse | undefined> {
  const mayRead = allows(server.scopes ?? SCOPES, { scope: 'release:read' });
  if (!supports(server, 'simulate') || !mayRead) return undefined;
  try {
    return await retry.run(() => client.simulate(appId, simulationOf(request, plan)));
  } catch (error) {
    if (error instanceof OtaError && error.code !== 'interrupted') return undefined;
    throw error;
  }
}

/** Fields that the publish does not set stay as the release has them. */
function simulationOf(request: ReleaseRequest, { release, artifacts }: Plan): SimulateRequest {
  const existing = release.kind === 'existing' ? release.existing : undefined;
  const { version, requires, embedded_pubkey } = plannedRouting(request, existing);
  const { channel, rollout, mandatory } = request;
  return {
    version: existing?.version ?? version,
    ...(existing === undefined && channel !== undefined && { channel }),
    ...(requires != null && { requires }),
    ...(embedded_pubkey != null && { embedded_pubkey }),
    ...(rollout !== undefined && { rollout }),
    ...(mandatory && { mandatory }),
    artifacts: artifacts
      .filter(({ action }) => action === 'upload')
      .map(({ target, arch, bundleType = null, servedSignature }) => ({
        ...{ target, arch, bundle_type: bundleType },
        signing_key_id: signingKeyIdOf(servedSignature) ?? null,
      })),
  };
}
