import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Attribution, SERVER } from '../database/attribution.ts';
import type { Database } from '../database/database.ts';
import { listApps } from '../database/queries/apps.ts';
import { saveOperatorLink } from '../database/queries/operator-link.ts';
import { OPERATOR_PAGE } from '../server/handlers/operator-page.ts';

/** How long a link lets sign in, in milliseconds. */
const LINK_LIFE_MS = 60 * 60 * 1000;

/** The built page: beside this once it is built too, else in `dist`. */
export function webFolder(): string | undefined {
  return ['./web', '../../dist/web']
    .map((place) => fileURLToPath(new URL(place, import.meta.url)))
    .find((folder) => existsSync(join(folder, 'index.html')));
}

export interface OperatorLink {
  readonly link: string;
  readonly until: Date;
}

/** A link that signs an operator in at the page, once, within an hour. It replaces the one before. */
export async function createOperatorLink(
  db: Database['queries'],
  publicUrl: string,
  by: Attribution,
): Promise<OperatorLink> {
  const secret = randomBytes(24).toString('base64url');
  const until = new Date(by.now.getTime() + LINK_LIFE_MS);
  await saveOperatorLink(db, { secret, until }, by);
  return { link: `${publicUrl}${OPERATOR_PAGE}/#link=${secret}`, until };
}

/** The link of a server that has no app yet. */
export async function firstLink(
  { queries, clock }: Database,
  publicUrl: string,
): Promise<string | undefined> {
  if ((await listApps(queries)).length > 0) return undefined;
  const { link } = await createOperatorLink(queries, publicUrl, { actor: SERVER, now: clock() });
  return link;
}
