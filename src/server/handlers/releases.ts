import type { FastifyInstance } from 'fastify';
import { acceptedKeysOf } from '../../database/queries/app-files.ts';
import { findApp } from '../../database/queries/apps.ts';
import {
  type MissingArtifact,
  publishRelease,
  updateRelease,
} from '../../database/queries/publish-release.ts';
import {
  createRelease,
  deleteRelease,
  findRelease,
  type NewRelease,
  type Release,
  type ReleaseKey,
} from '../../database/queries/releases.ts';
import { STABLE } from '../../protocol/channel.ts';
import {
  CreateReleaseRequest,
  DeleteReleaseQuery,
  PublishReleaseQuery,
  PublishReleaseRequest,
  type ReleaseResponse,
  UpdateReleaseRequest,
} from '../../protocol/messages.ts';
import { formatPublicKey, parsePublicKey, publicKeyIdOf } from '../../protocol/minisign.ts';
import { platformOf } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import { compareVersions } from '../../protocol/version.ts';
import { registerRoute } from '../http/register-route.ts';
import { toExtendedResponse, toResponse } from '../http/release-response.ts';
import { wouldStrand } from '../http/would-strand.ts';
import type { Services } from '../services.ts';
import { listedReleases } from './listed-releases.ts';

/** Why a release is not published yet, completing the name of a platform. */
const UNREADY: Readonly<Record<MissingArtifact['reason'], string>> = {
  no_files: 'is not complete with this SHA-256',
  other_bytes: 'is not complete with this SHA-256',
  missing: 'is expected and not complete',
  outstanding: 'is being uploaded',
};

/** Fields beyond api.md, "Create a Release": with one of them the response has the extensions' fields too. */
const EXTENSION_FIELDS = [
  'draft',
  'expect',
  'channel',
  'signing_key_id',
  'embedded_pubkey',
  'requires',
  'allow_stranding',
] as const satisfies (keyof CreateReleaseRequest)[];

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
      return listedReleases(services, params.app_id);
    },
  });
  registerUpdate(app, services);
  registerPublish(app, services);
  registerDelete(app, services, onDeleted);
}

/** api.md, "Create a Release". */
function registerCreate(app: FastifyInstance, { database, clock, allowVersionReuse }: Services): void {
  registerRoute(app, 'createRelease', {
    body: CreateReleaseRequest,
    handle: async ({ params, body }, reply) => {
      const release = { ...toNewRelease(params.app_id, body), allowVersionReuse };
      const { version } = release;
      const created = await createRelease(database.queries, release, clock());
      if (created === 'version_taken') {
        throw new Problem('version_taken', `The app already has a release of version ${version}.`, [
          { field: 'version', message: 'is taken' },
        ]);
      }
      if (created === 'other_key') {
        const message = 'must be the key of its builds before it was deleted';
        throw new Problem('immutable', `The builds of ${version}, which was live, carry another key.`, [
          { field: 'embedded_pubkey', message },
        ]);
      }
      const isDocumented = EXTENSION_FIELDS.every((field) => body[field] === undefined);
      return reply.code(201).send(isDocumented ? toResponse(created) : toExtendedResponse(created));
    },
  });
}

/** @throws Problem `invalid_request` */
function toNewRelease(appId: string, body: CreateReleaseRequest): NewRelease {
  const { version, notes = null, signature = null, requires = null } = body;
  const { draft = false, expect = null, channel = STABLE, signing_key_id: signingKeyId = null } = body;
  if (requires !== null && compareVersions(requires, version) >= 0) {
    throw invalid('requires', `must be lower than ${version}`);
  }
  return {
    appId,
    version,
    notes,
    signature,
    draft,
    expect,
    channel,
    signingKeyId,
    embeddedPubkey: readEmbeddedKey(body.embedded_pubkey ?? null),
    requires,
    allowStranding: body.allow_stranding ?? false,
  };
}

/** @throws Problem `invalid_request` */
function readEmbeddedKey(text: string | null): string | null {
  if (text === null) return null;
  const key = parsePublicKey(text);
  if (key === undefined) throw invalid('embedded_pubkey', 'must be a minisign public key');
  return formatPublicKey(key);
}

function invalid(field: string, message: string): Problem {
  return new Problem('invalid_request', `${field} ${message}.`, [{ field, message }]);
}

/** Extension `yank`. */
function registerUpdate(app: FastifyInstance, services: Services): void {
  registerRoute(app, 'updateRelease', {
    body: UpdateReleaseRequest,
    handle: async ({ params, body, raw }): Promise<ReleaseResponse> => {
      const key = { appId: params.app_id, releaseId: params.release_id };
      const { notes, status, embedded_pubkey, allow_stranding: allowStranding } = body;
      const embeddedPubkey = readEmbeddedKey(embedded_pubkey ?? null) ?? undefined;
      if (embeddedPubkey !== undefined && !raw.scopes?.includes('app:admin')) {
        await requireAcceptedKey(services, key, embeddedPubkey);
      }
      const onlyIfEmpty = body.only_if_empty;
      const replaceEmbedded = body.replace_embedded_pubkey;
      const change = { notes, onlyIfEmpty, status, embeddedPubkey, replaceEmbedded, allowStranding };
      const outcome = await updateRelease(services.database.queries, key, change);
      if (outcome.kind === 'not_found') throw noSuchRelease();
      if (outcome.kind === 'would_strand') throw wouldStrand(outcome.strandings);
      if (outcome.kind === 'draft') {
        throw new Problem('not_published', 'The release is a draft: publish or delete it.');
      }
      if (outcome.kind === 'other_key') {
        throw new Problem(
          'immutable',
          'The key that its build carries is known, and is another one; replace_embedded_pubkey corrects it.',
        );
      }
      return toExtendedResponse(await requireRelease(services, key));
    },
  });
}

/**
 * The key of a live build is one that uploads may be signed with: who can only publish must not choose it.
 * @throws Problem `forbidden`
 */
async function requireAcceptedKey(services: Services, key: ReleaseKey, pubkey: string): Promise<void> {
  const { queries } = services.database;
  const app = await findApp(queries, key.appId);
  if (app?.pubkey == null || (await requireRelease(services, key)).status === 'draft') return;
  const accepted = await acceptedKeysOf(queries, { appId: key.appId, pubkey: app.pubkey });
  if (accepted.some((known) => publicKeyIdOf(known) === publicKeyIdOf(pubkey))) return;
  throw new Problem(
    'forbidden',
    'The app has a public key, so the scope app:admin is needed to record another key for a live release.',
  );
}

/** Extension `draft`. */
function registerPublish(app: FastifyInstance, services: Services): void {
  const { database, clock } = services;
  registerRoute(app, 'publishRelease', {
    body: PublishReleaseRequest,
    query: PublishReleaseQuery,
    handle: async ({ params, body, query }): Promise<ReleaseResponse> => {
      const key = { appId: params.app_id, releaseId: params.release_id };
      const required = body?.map(({ sha256, ...platform }) => ({ ...platformOf(platform), sha256 })) ?? null;
      const expect = query.expect?.split(',');
      const allowStranding = query.allow_stranding === 'true';
      const options = { required, expect, allowStranding, now: clock() };
      const result = await publishRelease(database.queries, key, options);
      if (result.kind === 'not_found') throw noSuchRelease();
      if (result.kind === 'would_strand') throw wouldStrand(result.strandings);
      if (result.kind === 'incomplete') {
        const errors = result.missing.map(({ name, reason }) => ({ field: name, message: UNREADY[reason] }));
        const names = errors.map(({ field }) => field).join(', ');
        throw new Problem('incomplete', `Not published: missing ${names}.`, errors);
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
      const allowStranding = query.allow_stranding === 'true';
      const outcome = await deleteRelease(database.queries, key, { onlyWithArtifacts, allowStranding });
      if (outcome.kind === 'not_found') throw noSuchRelease();
      if (outcome.kind === 'would_strand') throw wouldStrand(outcome.strandings);
      if (outcome.kind === 'other_artifacts') {
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
