import type { Database } from '../../../src/database/database.ts';
import { createAppWithToken, type NewApp } from '../../../src/database/queries/apps.ts';
import { SCOPES } from '../../../src/protocol/access/scope.ts';
import { by } from './by.ts';

/** Does what `apps create` does, without starting a process. The token has all scopes. */
export async function addApp(
  { queries, clock }: Database,
  app: NewApp = { name: 'My App' },
): Promise<{ readonly id: string; readonly token: string }> {
  const token = { name: 'publish', scopes: SCOPES, expiresAt: null };
  const created = await createAppWithToken(queries, { app, token }, by(clock()));
  if (created === 'slug_taken') throw new Error(`the slug ${app.slug} is taken`);
  return { id: created.app.id, token: created.token };
}
