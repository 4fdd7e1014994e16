import { existsSync, readFileSync } from 'node:fs';
import { createApp, listApps } from '../../database/apps.ts';
import { createToken } from '../../database/tokens.ts';
import { OtaError } from '../../errors.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { SCOPES } from '../../protocol/token.ts';
import { formatTable } from '../format.ts';
import { Problems } from '../problems.ts';
import type { Context } from '../program.ts';
import { readPublicKey, readSlug } from '../settings.ts';
import { type StoreOptions, withStore } from '../store.ts';
import { DEFAULT_TOKEN_DAYS, expiryAfterDays } from '../token-expiry.ts';

interface AppsCreateOptions extends StoreOptions {
  readonly slug?: string;
  readonly pubkey?: string;
}

export async function runAppsCreate(
  options: AppsCreateOptions,
  { output }: Context,
  name: string,
): Promise<void> {
  const problems = new Problems();
  if (name.trim() === '') problems.add('the app needs a name: give one');
  const slug = readSlug(options.slug, problems);
  readPublicKey(options.pubkey, problems);
  problems.throwIfAny();
  const pubkey = options.pubkey && keyText(options.pubkey);
  await withStore(options, async ({ queries }) => {
    const now = new Date();
    const app = await createApp(queries, { name, slug, pubkey: pubkey || undefined }, now);
    if (app === 'slug_taken') {
      throw new OtaError('conflict', `the slug ${slug} belongs, or once belonged, to another app`, {
        hint: 'Choose another.',
      });
    }
    const expiresAt = expiryAfterDays(DEFAULT_TOKEN_DAYS, now);
    const { token } = await createToken(
      queries,
      { appId: app.id, name: 'publish', scopes: SCOPES, expiresAt },
      now,
    );
    output.document({ id: app.id, name: app.name, slug: app.slug, token });
    output.result(
      [
        `Created the app ${name}.`,
        `  id     ${app.id}`,
        `  slug   ${app.slug ?? '(none yet: publish --slug sets it)'}`,
        `  token  ${token}`,
        `The token is shown this once, and expires ${formatTimestamp(expiresAt.getTime())}.`,
      ].join('\n'),
    );
  });
}

export async function runAppsList(options: StoreOptions, { output }: Context): Promise<void> {
  await withStore(options, async ({ queries }) => {
    const apps = (await listApps(queries)).map(({ createdAt, ...app }) => ({
      ...app,
      created_at: formatTimestamp(createdAt),
    }));
    output.document(apps);
    const rows = apps.map(({ id, name, slug, created_at }) => [id, slug ?? '-', name, created_at]);
    output.result(rows.length > 0 ? formatTable(rows) : 'No apps yet.');
  });
}

/** What is stored is the key itself, not the path of the file it was read from. */
function keyText(value: string): string {
  return (existsSync(value) ? readFileSync(value, 'utf8') : value).trim();
}
