import type { FastifyInstance, FastifyReply } from 'fastify';
import { keysAcceptedBy } from '../../database/queries/app-files.ts';
import type { Release } from '../../database/queries/releases.ts';
import {
  findPublicRelease,
  type NewStatement,
  statementIds,
  statementText,
} from '../../database/queries/statements.ts';
import { Envelope, namedKeys, openEnvelope, payloadOf } from '../../protocol/manifest/envelope.ts';
import type { ManifestResponse } from '../../protocol/messages.ts';
import { type PublicKey, parsePublicKey } from '../../protocol/minisign.ts';
import { Problem } from '../../protocol/problem.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import { sendPieces } from './list-turns.ts';
import { releaseKey, requireRelease } from './require-release.ts';
import { refusedStatement, requireScopeToState, requireStatement, storeAccepted } from './stated-release.ts';

/** The media type of an in-toto bundle. */
const BUNDLE = 'application/vnd.in-toto.bundle';

/** Extension `manifest`: signed statements about the files of a release, which the server need not be able to verify. */
export function registerManifests(app: FastifyInstance, services: Services): void {
  const { database } = services;

  registerRoute(app, 'putManifest', {
    body: Envelope,
    handle: async ({ params, body, raw }): Promise<ManifestResponse> => {
      const release = await requireRelease(services, releaseKey(params));
      const statement = requireStatement(payloadOf(body), 'payload', release);
      const keys = await acceptedKeys(services, release.appId);
      const stated = { ...toStatement(body, keys), release, statement };
      await requireScopeToState(services, raw, stated);
      return storeAccepted(services, raw, { ...stated, field: 'payload', replaceable: REPLACEABLE });
    },
  });

  registerRoute(app, 'readManifest', {
    handle: async ({ params }, reply) => {
      const { id } = await requireRelease(services, releaseKey(params));
      return sendBundle(reply, services, id);
    },
  });

  registerRoute(app, 'manifest', {
    handle: async ({ params }, reply) => {
      const found = await findPublicRelease(database.queries, params);
      if (found === undefined) {
        throw new Problem('not_found', 'No such version is published.', [
          { field: 'version', message: 'is not published' },
        ]);
      }
      return sendBundle(reply, services, found.releaseId);
    },
  });
}

const REPLACEABLE = 'it can only be replaced by a later one about the same files';

/** @throws Problem `content_mismatch` when it names one of the keys, and is not signed with it */
function toStatement(envelope: Envelope, keys: readonly PublicKey[]) {
  requireUnforged(envelope, keys);
  return {
    kind: 'manifest',
    document: JSON.stringify(envelope),
    isAccepted: isSignedWith(keys),
    signedBy: { keys: namedKeys(envelope) },
  } as const;
}

function isSignedWith(keys: readonly PublicKey[]): NewStatement['isAccepted'] {
  return (document) => openEnvelope(JSON.parse(document), keys).kind === 'verified';
}

/** Whether a manifest is signed with a key that the app's files may be signed with. */
export async function manifestVerifier(
  services: Services,
  appId: string,
): Promise<NewStatement['isAccepted']> {
  return isSignedWith(await acceptedKeys(services, appId));
}

/** The statements about a release that is to be moved to another channel. @throws InvalidRequest; Problem */
export async function promotedStatements(
  services: Services,
  release: Release,
  envelopes: readonly Envelope[],
): Promise<NewStatement[]> {
  const { appId, id: releaseId } = release;
  const keys = envelopes.length === 0 ? [] : await acceptedKeys(services, appId);
  return envelopes.map((envelope, i) => ({
    ...toStatement(envelope, keys),
    appId,
    releaseId,
    statement: requireStatement(payloadOf(envelope), `manifest/${i}/payload`, release),
  }));
}

/** Each statement is read when the one before was sent: anybody may ask, and need not receive. */
async function sendBundle(reply: FastifyReply, { database }: Services, releaseId: string) {
  const ids = await statementIds(database.queries, releaseId, 'manifest');
  if (ids.length === 0) throw new Problem('not_found', 'The release has no manifest.');
  return sendPieces(reply.type(BUNDLE).header('cache-control', 'no-cache'), bundleOf(database, ids));
}

/** JSON Lines: what was replaced since is left out. */
async function* bundleOf({ queries }: Services['database'], ids: readonly string[]): AsyncGenerator<string> {
  for (const id of ids) {
    const text = await statementText(queries, id);
    if (text !== undefined) yield `${text}\n`;
  }
}

/** Those that the app's files may be signed with; any other key is the publisher's affair. */
async function acceptedKeys({ database }: Services, appId: string): Promise<PublicKey[]> {
  const texts = await keysAcceptedBy(database.queries, appId);
  return texts.map(parsePublicKey).filter((key) => key !== undefined);
}

/** @throws Problem `content_mismatch` when it names one of the keys, and is not signed with it */
function requireUnforged(envelope: Envelope, keys: readonly PublicKey[]): void {
  const opened = openEnvelope(envelope, keys);
  if (opened.kind === 'forged')
    throw refusedStatement('signatures', `are not made with the key ${opened.keyId}`);
}
