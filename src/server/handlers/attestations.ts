import type { FastifyInstance, FastifyReply } from 'fastify';
import { findRelease, type Release } from '../../database/queries/releases.ts';
import { findPublicRelease, statementIds, statementText } from '../../database/queries/statements.ts';
import {
  attestedPayload,
  claimedIdentity,
  MAX_BUNDLE_BYTES,
  SigstoreBundle,
} from '../../protocol/attestation/sigstore-bundle.ts';
import type { ManifestResponse } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import { sendPieces } from './list-turns.ts';
import { releaseKey, requireRelease } from './require-release.ts';
import { refusedStatement, requireScopeToState, requireStatement, storeAccepted } from './stated-release.ts';

const FIELD = 'dsseEnvelope.payload';

/**
 * Extension `attestation`: what the identities of CI jobs have signed about the files of a release. The server verifies that
 * it is about this release; whoever reads it verifies who has signed it.
 */
export function registerAttestations(app: FastifyInstance, services: Services): void {
  const { database } = services;
  const kind = 'attestation';

  registerRoute(app, 'putAttestation', {
    body: SigstoreBundle,
    bodyLimit: MAX_BUNDLE_BYTES,
    handle: async ({ params, body, raw }): Promise<ManifestResponse> => {
      const release = await requireRelease(services, releaseKey(params));
      const statement = requireStatement(attestedPayload(body), FIELD, release);
      const stated = {
        kind,
        release,
        statement,
        document: JSON.stringify(body),
        isAccepted: () => false, // who signed a bundle is for its reader to verify
      } as const;
      await requireScopeToState(services, raw, stated);
      const identity = claimedIdentity(body);
      if (identity === undefined) {
        throw refusedStatement('verificationMaterial.certificate', 'is no certificate with an identity');
      }
      return storeAccepted(services, raw, {
        ...{ ...stated, field: FIELD },
        signedBy: { claimed_identity: identity },
        replaceable: 'what was attested never changes then',
      });
    },
  });

  registerRoute(app, 'readAttestation', {
    handle: async ({ params }, reply) => {
      const release = await requireRelease(services, releaseKey(params));
      return send(reply, services, release);
    },
  });

  registerRoute(app, 'attestation', {
    handle: async ({ params }, reply) => {
      const key = await findPublicRelease(database.queries, params);
      const release = key && (await findRelease(database.queries, key));
      return send(reply, services, release);
    },
  });
}

/** As `AttestationsResponse`. Each bundle is read when the one before was sent. */
async function send(reply: FastifyReply, { database }: Services, release: Release | undefined) {
  const ids = release ? await statementIds(database.queries, release.id, 'attestation') : [];
  if (release === undefined || ids.length === 0) {
    throw new Problem('not_found', 'There is no attestation of such a release.');
  }
  const json = reply.type('application/json; charset=utf-8').header('cache-control', 'no-cache');
  return sendPieces(json, piecesOf(database, ids, release));
}

async function* piecesOf(
  { queries }: Services['database'],
  ids: readonly string[],
  { provenance }: Release,
): AsyncGenerator<string> {
  let before = '{"attestations":[';
  for (const id of ids) {
    const text = await statementText(queries, id);
    if (text === undefined) continue; // replaced since
    yield `${before}{"bundle":${text}}`;
    before = ',';
  }
  const end = `],"provenance":${JSON.stringify(provenance && publicPart(provenance))}}`;
  yield before === ',' ? end : before + end;
}

/** Without names and ids of people, which no certificate has. */
function publicPart({ issuer, repository, commit, ref, run, mixed }: NonNullable<Release['provenance']>) {
  return { issuer, repository, commit, ref, run, ...(mixed && { mixed }) };
}
