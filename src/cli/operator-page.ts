import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Database } from '../database/database.ts';
import { listApps } from '../database/queries/apps.ts';
import { saveOperatorLink } from '../database/queries/operator-link.ts';
import { OPERATOR_PAGE } from '../server/handlers/operator-page.ts';

/** How long the link of a new server lets sign in, in milliseconds. */
const LINK_LIFE_MS = 60 * 60 * 1000;

/** The built page: beside this once it is built too, else in `dist`. */
export function webFolder(): string | undefined {
  return ['./web', '../../dist/web']
    .map((place) => fileURLToPath(new URL(place, import.meta.url)))
    .find((folder) => existsSync(join(folder, 'index.html')));
}

/**
 * For a server that has no app yet: a link that signs its operator in at the page, once, within an hour. It replaces the one
 * before.
 */
export async function firstLink(
  { queries, clock }: Database,
  publicUrl: string,
): Promise<string | undefined> {
  if ((await listApps(queries)).length > 0) return undefined;
  const secret = randomBytes(24).toString('base64url');
  await saveOperatorLink(queries, secret, new Date(clock().getTime() + LINK_LIFE_MS));
  return `${publicUrl}${OPERATOR_PAGE}/#link=${secret}`;
}
