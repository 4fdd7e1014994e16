import { acceptedKeysOf } from '../../database/queries/app-files.ts';
import { createAppWithToken, findAppByIdOrSlug, listApps, setAppKey } from '../../database/queries/apps.ts';
import { OtaError } from '../../errors.ts';
import { formatPublicKey, publicKeyIdOf } from '../../protocol/minisign.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { SCOPES } from '../../protocol/token.ts';
import type { Context } from '../context.ts';
import { DEFAULT_TOKEN_DAYS } from '../defaults.ts';
import { formatTable } from '../format.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readPublicKey, readSlug } from '../options/remote-options.ts';
import { expiryAfterDays } from '../options/token-expiry.ts';
import { withStore } from '../wiring/open-store.ts';
import type { AppsCreateOptions, AppsListOptions, AppsSetKeyOptions } from './apps-command.ts';

export async function runAppsCreate(
  options: AppsCreateOptions,
  { output }: Context,
  name: string,
): Promise<void> {
  const errors = new OptionErrors();
  if (name.trim() === '') errors.add('the name of the app is empty: give one');
  const slug = readSlug(options.slug, errors);
  const publicKey = readPublicKey(options.pubkey, errors);
  errors.throwIfAny();
  const pubkey = publicKey && formatPublicKey(publicKey);
  await withStore(options, async ({ queries, clock }) => {
    const now = clock();
    const expiresAt = expiryAfterDays(DEFAULT_TOKEN_DAYS, now);
    const firstToken = { name: 'publish', scopes: SCOPES, expiresAt };
    const created = await createAppWithToken(
      queries,
      { app: { name, slug, pubkey }, token: firstToken },
      now,
    );
    if (created === 'slug_taken') {
      throw new OtaError('conflict', `the slug ${slug} belongs, or once belonged, to another app`, {
        hint: 'Choose another slug.',
      });
    }
    const { app, token } = created;
    output.document({ id: app.id, name: app.name, slug: app.slug, token });
    if (output.json) return; // stderr ends up in logs
    output.result(
      [
        output.style('green', `Created the app ${name}.`),
        `  id     ${app.id}`,
        `  slug   ${app.slug ?? '(none yet: publish --slug sets it)'}`,
        `  token  ${token}`,
        `This token is shown only once. It expires on ${formatTimestamp(expiresAt.getTime())}.`,
      ].join('\n'),
    );
  });
}

export async function runAppsSetKey(
  options: AppsSetKeyOptions,
  { output }: Context,
  ...[idOrSlug, key]: readonly [string, string | undefined]
): Promise<void> {
  const errors = new OptionErrors();
  if (key && options.pubkey) errors.add('the key is given twice: give it as an argument or with --pubkey');
  const publicKey = readPublicKey(key || options.pubkey, errors);
  if (!key && !options.pubkey)
    errors.add('no key given: pass a minisign public key or a file that contains one');
  errors.throwIfAny();
  if (publicKey === undefined) return;
  const pubkey = formatPublicKey(publicKey);
  await withStore(options, async ({ queries }) => {
    const app = await findAppByIdOrSlug(queries, idOrSlug);
    if (app === undefined || !(await setAppKey(queries, app.id, pubkey))) {
      throw new OtaError('usage', `there is no app with the id or slug ${idOrSlug}`, {
        hint: '`synckit-ota apps list` shows both.',
      });
    }
    const accepted = await acceptedKeysOf(queries, { appId: app.id, pubkey });
    output.document({ id: app.id, name: app.name, slug: app.slug, pubkey, accepted_pubkeys: accepted });
    const [own, ...others] = accepted.map(publicKeyIdOf);
    const also = others.length > 0 ? `, and those that releases handed over to: ${others.join(', ')}` : '';
    output.result(`Uploads of ${app.name} are accepted if signed with key ${own}${also}.`);
  });
}

export async function runAppsList(options: AppsListOptions, { output }: Context): Promise<void> {
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
