import type { FastifyRequest } from 'fastify';
import type { Release } from '../../database/queries/releases.ts';
import { type NewStatement, statementsOf, storeStatement } from '../../database/queries/statements.ts';
import type { Scope } from '../../protocol/access/scope.ts';
import {
  parseStatement,
  platformsOf,
  type ReleaseStatement,
} from '../../protocol/manifest/release-statement.ts';
import type { ManifestResponse } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { authorOf } from '../audit/request-author.ts';
import { requireScope } from '../http/auth.ts';
import { InvalidRequest } from '../http/error-reply.ts';
import type { Services } from '../services.ts';
import { noSuchRelease } from './require-release.ts';

// What the routes of manifests and of attestations have in common: statements about files of a release.

/** @throws InvalidRequest; Problem `content_mismatch` for a statement about another release */
export function requireStatement(payload: Buffer, field: string, release: Release): ReleaseStatement {
  const parsed = parseStatement(payload);
  if (parsed.kind === 'malformed') throw new InvalidRequest({ field, message: parsed.reason });
  const { synckitOta: stated } = parsed.statement.predicate;
  const differs: readonly (readonly [string, unknown, unknown])[] = [
    ['version', stated.version, release.version],
    ['releaseId', stated.releaseId, release.id],
    ['channel', stated.channel, release.channel],
    ['requires', stated.requires, release.requires],
  ];
  for (const [name, said, actual] of differs) {
    if (said === actual) continue;
    throw refusedStatement(field, `says the ${name} ${said}, but the release has ${actual}`);
  }
  return parsed.statement;
}

/** @throws Problem `forbidden` */
export async function requireScopeToState(
  services: Services,
  raw: FastifyRequest,
  stated: StatedRelease,
): Promise<void> {
  requireScope(raw, { scope: await scopeToState(services, stated), channel: stated.release.channel });
}

interface StatedRelease extends Pick<NewStatement, 'kind' | 'document' | 'statement' | 'isAccepted'> {
  readonly release: Release;
}

/** A live release gets a statement beside the others like further files; one in the place of others is a change of it. */
async function scopeToState(
  { database }: Services,
  { release: { id, status }, document, statement, ...accepted }: StatedRelease,
): Promise<Scope> {
  if (status === 'draft') return 'release:upload';
  if (!accepted.isAccepted(document)) return 'release:publish';
  const known = (await statementsOf(database.queries, id, accepted)).flatMap(platformsOf);
  const isChange = platformsOf(statement).some((name) => known.includes(name));
  return isChange ? 'release:edit' : 'release:publish';
}

export interface AcceptedStatement extends Omit<NewStatement, 'appId' | 'releaseId'> {
  readonly release: Release;
  /** The field that has the statement, for problems. */
  readonly field: string;
  /** What may replace a statement about a live release, completing a sentence. */
  readonly replaceable: string;
}

/** @throws Problem `not_found`, `immutable`, `content_mismatch`, `limit_reached` */
export async function storeAccepted(
  services: Services,
  raw: FastifyRequest,
  { release, field, replaceable, ...accepted }: AcceptedStatement,
): Promise<ManifestResponse> {
  const { appId, id: releaseId, version } = release;
  const author = authorOf(raw, services);
  const result = await storeStatement(services.database.queries, { appId, releaseId, ...accepted }, author);
  const platforms = platformsOf(accepted.statement);
  if (result === 'gone') throw noSuchRelease();
  if (result === 'too_many') throw tooManyStatements(field);
  if (result === 'immutable') {
    throw new Problem(
      'immutable',
      `${version} is live, and has a statement about ${platforms.join(', ')}: ${replaceable}.`,
    );
  }
  return { status: result, platforms };
}

export function tooManyStatements(field: string): Problem {
  return refusedStatement(
    field,
    'is one statement too many for this release: it may have 64, of 256 KiB together',
  );
}

export function refusedStatement(field: string, message: string): Problem {
  return new Problem('content_mismatch', `The statement was refused: ${field} ${message}.`, [
    { field, message },
  ]);
}
