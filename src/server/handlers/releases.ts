import type { FastifyInstance } from 'fastify';
import { publishRelease, updateRelease } from '../../database/queries/publish-release.ts';
import {
  createRelease,
  deleteRelease,
  findRelease,
  listReleases,
  type Release,
  type ReleaseKey,
} from '../../database/queries/releases.ts';
import { STABLE } from '../../protocol/channel.ts';
import {
  CreateReleaseRequest,
  DeleteReleaseQuery,
  PublishReleaseRequest,
  type ReleaseResponse,
  UpdateReleaseRequest,
} from '../../protocol/messages.ts';
import { platformOf } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import { registerRoute } from '../http/register-route.ts';
import { toExtendedResponse, toListed, toResponse } from '../http/release-response.ts';
import type { Services } from '../services.ts';

/**
 * @param onDeleted called once a release is invisible and its bytes are queued for deletion; the response waits until it
 *   resolves
 */
export function registerReleases(
  app: FastifyInstance,
  services: Services,
  onDeleted: () => Promise<void>,
): void {
  registerCreate(app, services);
  // api.md, "List Releases"
  registerRoute(app, 'listReleases', {
    handle: async ({ params }): Promise<ReleaseResponse[]> => {
      return (await listReleases(services.database.queries, params.app_id)).map(toListed);
    },
  });
  registerUpdate(app, services);
  registerPublish(app, services);
  registerDelete(app, services, onDeleted);
}

/** api.md, "Create a Release". */
function registerCreate(app: FastifyInstance, { database, clock }: Services): void {
  registerRoute(app, 'createRelease', {
    body: CreateReleaseRequest,
    handle: async ({ params, body }, reply) => {
      const {
        version,
        notes = null,
        signature = null,
        draft = false,
        expect = null,
        channel = STABLE,
      } = body;
      const release = { appId: params.app_id, version, notes, signature, draft, expect, channel };
      const created = await createRelease(database.queries, release, clock());
      if (created === 'version_taken') {
        throw new Problem('version_taken', `The app already has a release of version ${version}.`, [
          { field: 'version', message: 'is taken' },
        ]);
      }
      const isDocumented =
        body.draft === undefined && body.expect === undefined && body.channel === undefined;
      return reply.code(201).send(isDocumented ? toResponse(created) : toExtendedResponse(created));
    },
  });
}

/** Extension `yank`. */
function registerUpdate(app: FastifyInstance, services: Services): void {
  registerRoute(app, 'updateRelease', {
    body: UpdateReleaseRequest,
    handle: async ({ params, body }): Promise<ReleaseResponse> => {
      const key = { appId: params.app_id, releaseId: params.release_id };
      const outcome = await updateRelease(services.database.queries, key, body);
      if (outcome === 'not_found') throw noSuchRelease();
      if (outcome === 'draft') {
        throw new Problem('not_published', 'The release is a draft: publish or delete it.');
      }
      return toExtendedResponse(await requireRelease(services, key));
    },
  });
}

/** Extension `draft`. */
function registerPublish(app: FastifyInstance, services: Services): void {
  const { database, clock } = services;
  registerRoute(app, 'publishRelease', {
    body: PublishReleaseRequest,
    handle: async ({ params, body }): Promise<ReleaseResponse> => {
      const key = { appId: params.app_id, releaseId: params.release_id };
      const required = body?.map(({ sha256, ...platform }) => ({ ...platformOf(platform), sha256 })) ?? null;
      const result = await publishRelease(database.queries, key, { required, now: clock() });
      if (result.kind === 'not_found') throw noSuchRelease();
      if (result.kind === 'incomplete') {
        const errors = result.missing.map((name) => ({
          field: name,
          message: 'is not complete with this SHA-256',
        }));
        throw new Problem('incomplete', `Not published: missing ${result.missing.join(', ')}.`, errors);
      }
      return toExtendedResponse(await requireRelease(services, key));
    },
  });
}

/** api.md, "Delete a Release". */
function registerDelete(app: FastifyInstance, { database }: Services, onDeleted: () => Promise<void>): void {
  registerRoute(app, 'deleteRelease', {
    query: DeleteReleaseQuery,
    handle: async ({ params, query }, reply) => {
      const onlyWithArtifacts = query.artifacts === undefined ? undefined : Number(query.artifacts);
      const key = { appId: params.app_id, releaseId: params.release_id };
      const outcome = await deleteRelease(database.queries, key, { onlyWithArtifacts });
      if (outcome === 'not_found') throw noSuchRelease();
      if (outcome === 'other_artifacts') {
        throw new Problem(
          'precondition_failed',
          `The release does not have exactly ${onlyWithArtifacts} artifacts.`,
        );
      }
      await onDeleted();
      return reply.code(204).send();
    },
  });
}

async function requireRelease({ database }: Services, key: ReleaseKey): Promise<Release> {
  const release = await findRelease(database.queries, key);
  if (release === undefined) throw noSuchRelease();
  return release;
}

function noSuchRelease(): Problem {
  return new Problem('not_found', 'There is no such release.');
}
