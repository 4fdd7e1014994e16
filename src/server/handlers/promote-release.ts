import type { FastifyInstance } from 'fastify';
import { type PromotionResult, promoteRelease } from '../../database/queries/promote-release.ts';
import type { Release } from '../../database/queries/releases.ts';
import {
  MAX_PROMOTE_BODY_BYTES,
  PromoteReleaseRequest,
  type ReleaseResponse,
} from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { authorOf } from '../audit/request-author.ts';
import { requireScope } from '../http/auth.ts';
import { registerRoute } from '../http/register-route.ts';
import { toExtendedResponse } from '../http/release-response.ts';
import { wouldStrand } from '../http/would-strand.ts';
import type { Services } from '../services.ts';
import { manifestVerifier, promotedStatements } from './manifests.ts';
import { readRollout } from './requested-rollout.ts';
import { noSuchRelease, ownUpload, releaseKey, requireRelease } from './require-release.ts';
import { scopesToPromote } from './required-scopes.ts';
import { tooManyStatements } from './stated-release.ts';

/** Extension `promote`. */
export function registerPromote(app: FastifyInstance, services: Services): void {
  registerRoute(app, 'promoteRelease', {
    body: PromoteReleaseRequest,
    bodyLimit: MAX_PROMOTE_BODY_BYTES,
    handle: async ({ params, body, raw }): Promise<ReleaseResponse> => {
      const key = releaseKey(params);
      const release = await requireRelease(services, key);
      const { channel, manifest = [] } = body;
      requireScope(raw, ...scopesToPromote(release.channel, channel));
      const moved = { ...release, channel };
      const result = await promoteRelease(services.database.queries, key, {
        by: authorOf(raw, services),
        channel,
        onlyFrom: release.channel,
        rollout: body.rollout ? readRollout(body.rollout) : body.rollout,
        allowStranding: body.allow_stranding ?? false,
        manifest: await promotedStatements(services, moved, manifest),
        isAccepted: await manifestVerifier(services, release.appId),
        allowOutdatedManifest: body.allow_outdated_manifest ?? false,
      });
      if (result.kind !== 'promoted') throw refusal(result, moved);
      return toExtendedResponse(await requireRelease(services, key), services.clock());
    },
  });
}

function refusal(
  result: Exclude<PromotionResult, { kind: 'promoted' }>,
  { version, channel }: Release,
): Problem {
  switch (result.kind) {
    case 'not_found':
      return noSuchRelease();
    case 'not_live':
      return new Problem('not_published', `${version} is not live: publish or restore it first.`);
    case 'other_channel':
      return new Problem('unavailable', 'The release has just been moved to another channel. Try again.');
    case 'own_upload':
      return ownUpload();
    case 'would_strand':
      return wouldStrand(result.strandings);
    case 'outdated_manifest':
      return new Problem(
        'outdated_manifest',
        `What is signed about ${version} would name another channel than ${channel}: send its statements signed again, or allow_outdated_manifest.`,
        [{ field: 'manifest', message: `must have every statement about it, naming the channel ${channel}` }],
      );
    case 'statement_refused':
      if (result.reason === 'too_many') return tooManyStatements('manifest');
      if (result.reason === 'gone') return noSuchRelease();
      return new Problem(
        'immutable',
        `${version} is live: what is signed about it can only be replaced by a later statement about the same files.`,
      );
  }
}
