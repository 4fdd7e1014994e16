import type { FastifyInstance } from 'fastify';
import { createRelease, deleteRelease, listReleases, type Release } from '../../database/releases.ts';
import { CreateReleaseBody, type ReleaseAnswer } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { registerRoute } from '../register-route.ts';
import type { Services } from '../services.ts';

/** @param onDeleted called when bytes are to be removed, after the release is invisible */
export function registerReleases(
  app: FastifyInstance,
  { database, clock }: Services,
  onDeleted: () => void,
): void {
  // api.md, "Create a Release"
  registerRoute(app, 'createRelease', {
    body: CreateReleaseBody,
    handle: async ({ params, body }, reply) => {
      const { version, notes = null, signature = null } = body;
      const release = { appId: params.app_id, version, notes, signature };
      const created = await createRelease(database.queries, release, clock());
      if (created === 'version_taken') {
        throw new Problem('version_taken', `The app already has a release of version ${version}.`, [
          { field: 'version', message: 'is taken' },
        ]);
      }
      return reply.code(201).send(toAnswer(created));
    },
  });

  // api.md, "List Releases"
  registerRoute(app, 'listReleases', {
    handle: async ({ params }): Promise<ReleaseAnswer[]> => {
      const releases = await listReleases(database.queries, params.app_id);
      return releases.map(({ artifacts, ...release }) => ({
        ...toAnswer(release),
        artifacts: artifacts.map(({ fileSize, ...artifact }) => ({ ...artifact, file_size: fileSize })),
      }));
    },
  });

  // api.md, "Delete a Release"
  registerRoute(app, 'deleteRelease', {
    handle: async ({ params }, reply) => {
      const outcome = await deleteRelease(database.queries, params.app_id, params.release_id);
      if (outcome === 'not_found') throw new Problem('not_found', 'There is no such release.');
      onDeleted();
      return reply.code(204).send();
    },
  });
}

/** api.md, "Create a Release", response. */
function toAnswer({ id, version, notes, signature, pubDate, createdAt }: Release): ReleaseAnswer {
  return {
    id,
    version,
    notes,
    signature,
    pub_date: formatTimestamp(pubDate),
    created_at: formatTimestamp(createdAt),
  };
}
