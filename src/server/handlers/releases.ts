import type { FastifyInstance, FastifyRequest } from 'fastify';
import { keysAcceptedBy } from '../../database/queries/app-files.ts';
import { requiresApproval } from '../../database/queries/apps.ts';
import { findPlace, listPlaces } from '../../database/queries/list-releases.ts';
import {
  type MissingArtifact,
  publishRelease,
  updateRelease,
} from '../../database/queries/publish-release.ts';
import {
  createRelease,
  deleteRelease,
  findVersion,
  type NewRelease,
  type Release,
  wasEverLive,
} from '../../database/queries/releases.ts';
import { allows } from '../../protocol/access/scope.ts';
import { STABLE } from '../../protocol/channel.ts';
import {
  CreateReleaseRequest,
  DeleteReleaseQuery,
  ListReleasesQuery,
  PublishReleaseQuery,
  PublishReleaseRequest,
  type ReleaseResponse,
  UpdateReleaseRequest,
} from '../../protocol/messages.ts';
import { formatPublicKey, parsePublicKey, publicKeyIdOf } from '../../protocol/minisign.ts';
import { platformOf } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import { rolloutOf } from '../../protocol/rollout/rollout.ts';
import { pathOf } from '../../protocol/routes.ts';
import { compareVersions } from '../../protocol/version.ts';
import { authorOf } from '../audit/request-author.ts';
import { requireScope } from '../http/auth.ts';
import { InvalidRequest } from '../http/error-reply.ts';
import { registerRoute } from '../http/register-route.ts';
import { toExtendedResponse, toResponse } from '../http/release-response.ts';
import { wouldStrand } from '../http/would-strand.ts';
import { onFullDisk, type Services } from '../services.ts';
import { registerAttestations } from './attestations.ts';
import { jsonList, sendJson } from './list-turns.ts';
import { allPlaces, releasesAsJson } from './listed-releases.ts';
import { registerManifests } from './manifests.ts';
import { registerPromote } from './promote-release.ts';
import { readRollout } from './requested-rollout.ts';
import { noSuchRelease, ownUpload, releaseKey, requireRelease } from './require-release.ts';
import { scopesToChange, scopesToCreate } from './required-scopes.ts';

/** With the extension `paging`. */
const DEFAULT_PAGE_SIZE = 100;

/** Why a release is not published yet, completing the name of a platform. */
const UNREADY: Readonly<Record<MissingArtifact['reason'], string>> = {
  no_files: 'is not complete with this SHA-256',
  other_bytes: 'is not complete with this SHA-256',
  missing: 'is expected and not complete',
  outstanding: 'is being uploaded',
  lost: 'is lost in the storage, and has to be uploaded again',
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
  'rollout',
  'mandatory',
  'minimum_system_version',
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
  registerList(app, services);
  registerUpdate(app, services);
  registerPublish(app, services);
  registerPromote(app, services);
  registerDelete(app, services, onDeleted);
  registerManifests(app, services);
  registerAttestations(app, services);
}

/** api.md, "List Releases"; with a query the extension `paging`. */
function registerList(app: FastifyInstance, services: Services): void {
  const { queries } = services.database;
  registerRoute(app, 'listReleases', {
    query: ListReleasesQuery,
    handle: async ({ params: { app_id: appId }, query }, reply) => {
      const { limit, after, brief, release } = query;
      const options = { isBrief: brief === 'true' };
      const send = (pages: Parameters<typeof releasesAsJson>[1]) =>
        sendJson(reply, jsonList(releasesAsJson(services, pages, options)));
      if (release !== undefined) {
        const found = await findPlace(queries, appId, release);
        return send(found === undefined ? [] : [[found]]);
      }
      const isPaged = [limit, after, brief].some((value) => value !== undefined);
      if (!isPaged) return send(allPlaces(services, appId));
      const size = limit === undefined ? DEFAULT_PAGE_SIZE : Number(limit);
      const found = await listPlaces(queries, appId, { limit: size + 1, after });
      const page = found.slice(0, size);
      const last = page.at(-1);
      if (found.length > size && last !== undefined) {
        const next = new URLSearchParams({ limit: String(size), after: last.version });
        if (brief !== undefined) next.set('brief', brief);
        const path = pathOf('listReleases', { app_id: appId });
        reply.header('link', `<${services.publicUrl()}${path}?${next}>; rel="next"`);
      }
      return send([page]);
    },
  });
}

/** api.md, "Create a Release". */
function registerCreate(app: FastifyInstance, services: Services): void {
  const { database, allowVersionReuse } = services;
  registerRoute(app, 'createRelease', {
    body: CreateReleaseRequest,
    handle: async ({ params, body, raw }, reply) => {
      const approval = await requiresApproval(database.queries, params.app_id);
      requireScope(raw, ...scopesToCreate(body, { approval }));
      const job = raw.token?.job ?? undefined;
      const release = { ...toNewRelease(params.app_id, body), allowVersionReuse, job };
      const { version, embeddedPubkey } = release;
      if (embeddedPubkey != null) await requireMayHandOver(services, raw, { release, embeddedPubkey });
      const created = await createRelease(database.queries, release, authorOf(raw, services));
      if (created === 'version_taken') {
        const existing = await findVersion(database.queries, release);
        const has = existing === undefined || existing === version ? '' : `${existing}, which is as high as `;
        throw new Problem('version_taken', `The app already has a release of version ${has}${version}.`, [
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
      return reply
        .code(201)
        .send(isDocumented ? toResponse(created) : toExtendedResponse(created, services.clock()));
    },
  });
}

/** @throws InvalidRequest */
function toNewRelease(appId: string, body: CreateReleaseRequest): NewRelease {
  const { version, notes = null, signature = null, requires = null } = body;
  const { draft = false, expect = null, channel = STABLE, signing_key_id: signingKeyId = null } = body;
  if (requires !== null && compareVersions(requires, version) >= 0) {
    throw new InvalidRequest({ field: 'requires', message: `must be lower than ${version}` });
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
    rollout: body.rollout ? rolloutOf(readRollout(body.rollout), 0) : null,
    mandatory: body.mandatory ?? false,
    minimumSystem: body.minimum_system_version ?? null,
  };
}

/** @throws InvalidRequest */
function readEmbeddedKey(text: string | null): string | null {
  if (text === null) return null;
  const key = parsePublicKey(text);
  if (key === undefined) {
    throw new InvalidRequest({ field: 'embedded_pubkey', message: 'must be a minisign public key' });
  }
  return formatPublicKey(key);
}

/** Extension `yank`. */
function registerUpdate(app: FastifyInstance, services: Services): void {
  registerRoute(app, 'updateRelease', {
    body: UpdateReleaseRequest,
    handle: async ({ params, body, raw }): Promise<ReleaseResponse> => {
      const key = releaseKey(params);
      const { notes, status, embedded_pubkey, allow_stranding: allowStranding } = body;
      const embeddedPubkey = readEmbeddedKey(embedded_pubkey ?? null) ?? undefined;
      const release = await requireRelease(services, key);
      requireScope(raw, ...scopesToChange(release, body));
      if (embeddedPubkey !== undefined) await requireMayHandOver(services, raw, { release, embeddedPubkey });
      const onlyIfEmpty = body.only_if_empty;
      const replaceEmbedded = body.replace_embedded_pubkey;
      const rollout = body.rollout ? readRollout(body.rollout) : body.rollout;
      const { paused, mandatory, minimum_system_version: minimumSystem, rolled_back: rolledBack } = body;
      if (rolledBack !== undefined && status !== 'yanked') {
        throw new InvalidRequest({ field: 'rolled_back', message: 'must come with the status yanked' });
      }
      const policy = { mandatory, minimumSystem, rolledBack };
      const offering = { status, rollout, paused, autoPause: body.auto_pause, allowStranding, ...policy };
      const change = { ...offering, notes, onlyIfEmpty, embeddedPubkey, replaceEmbedded };
      const onlyWhile = release.status; // what the token was asked for
      const by = authorOf(raw, services);
      const update = () => updateRelease(services.database.queries, key, { ...change, onlyWhile, by });
      const outcome = status === 'yanked' || paused ? await onFullDisk(services, update) : await update();
      if (outcome.kind === 'other_status') {
        throw new Problem('unavailable', 'The release has just gone live or was withdrawn. Try again.');
      }
      if (outcome.kind === 'not_found') throw noSuchRelease();
      if (outcome.kind === 'own_upload') throw ownUpload();
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
      return toExtendedResponse(await requireRelease(services, key), services.clock());
    },
  });
}

interface RecordedKey {
  readonly release: Pick<Release, 'appId' | 'version'> & Partial<Pick<Release, 'tokenId'>>;
  readonly embeddedPubkey: string;
}

/**
 * The key of a live build is one that uploads may be signed with from then on. A new one comes with a new version, from who
 * creates it: who has only a token, and not the key that the build is signed with, must not add one to what was signed before.
 * @throws Problem `forbidden`
 */
async function requireMayHandOver(
  { database: { queries }, allowVersionReuse }: Services,
  { token }: Pick<FastifyRequest, 'token'>,
  { release, embeddedPubkey }: RecordedKey,
): Promise<void> {
  if (allowVersionReuse || allows(token?.scopes ?? [], { scope: 'app:admin' })) return;
  const { appId, tokenId } = release;
  const isOwn = tokenId === undefined || (tokenId !== null && tokenId === token?.id);
  if (isOwn && !(await wasEverLive(queries, release))) return;
  const accepted = await keysAcceptedBy(queries, appId);
  if (
    accepted.length === 0 ||
    accepted.some((known) => publicKeyIdOf(known) === publicKeyIdOf(embeddedPubkey))
  )
    return;
  const what = isOwn ? 'a version that was live' : 'a release that was created with another token';
  throw new Problem(
    'forbidden',
    `The app has a public key, so the scope app:admin is needed to record another key for ${what}.`,
  );
}

/** Extension `draft`. */
function registerPublish(app: FastifyInstance, services: Services): void {
  const { database, lostFiles } = services;
  registerRoute(app, 'publishRelease', {
    body: PublishReleaseRequest,
    query: PublishReleaseQuery,
    handle: async ({ params, body, query, raw }): Promise<ReleaseResponse> => {
      const key = releaseKey(params);
      const { channel } = await requireRelease(services, key);
      requireScope(raw, { scope: 'release:publish', channel });
      const required = body?.map(({ sha256, ...platform }) => ({ ...platformOf(platform), sha256 })) ?? null;
      const expect = query.expect?.split(',');
      const allowStranding = query.allow_stranding === 'true';
      await lostFiles?.compareRelease(key.releaseId);
      const options = { required, expect, allowStranding, by: authorOf(raw, services) };
      const result = await publishRelease(database.queries, key, options);
      if (result.kind === 'not_found') throw noSuchRelease();
      if (result.kind === 'own_upload') throw ownUpload();
      if (result.kind === 'would_strand') throw wouldStrand(result.strandings);
      if (result.kind === 'incomplete') {
        const errors = result.missing.map(({ name, reason }) => ({ field: name, message: UNREADY[reason] }));
        const names = result.missing.map(nameMissing).join(', ');
        throw new Problem('incomplete', `Not published: missing ${names}.`, errors);
      }
      return toExtendedResponse(await requireRelease(services, key), services.clock());
    },
  });
}

function nameMissing({ name, reason }: MissingArtifact): string {
  return reason === 'lost' ? `${name} (lost in the storage)` : name;
}

/** api.md, "Delete a Release". */
function registerDelete(app: FastifyInstance, services: Services, onDeleted: () => Promise<void>): void {
  const { queries } = services.database;
  registerRoute(app, 'deleteRelease', {
    query: DeleteReleaseQuery,
    handle: async ({ params, query, raw }, reply) => {
      const onlyWithArtifacts = query.artifacts === undefined ? undefined : Number(query.artifacts);
      const key = releaseKey(params);
      const { channel } = await requireRelease(services, key);
      requireScope(raw, { scope: 'release:delete', channel });
      const allowStranding = query.allow_stranding === 'true';
      const options = { onlyWithArtifacts, allowStranding, by: authorOf(raw, services) };
      const outcome = await onFullDisk(services, () => deleteRelease(queries, key, options));
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
