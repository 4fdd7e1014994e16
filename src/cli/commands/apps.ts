import { acceptedKeysOf } from '../../database/queries/app-files.ts';
import { createAppWithToken, listApps, setAppKey } from '../../database/queries/apps.ts';
import { OtaError } from '../../errors.ts';
import { PUBLISH_SCOPES } from '../../protocol/access/scope.ts';
import { formatPublicKey, publicKeyIdOf } from '../../protocol/minisign.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import type { Context } from '../context.ts';
import { DEFAULT_DATA_DIR, DEFAULT_TOKEN_DAYS } from '../defaults.ts';
import { formatTable } from '../layout/table.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { DAY_MS } from '../options/quantities.ts';
import { readName, readPublicKey, readSlug } from '../options/remote-options.ts';
import { appCalled } from '../wiring/called.ts';
import { withStore } from '../wiring/open-store.ts';
import type { AppsCreateOptions, AppsListOptions, AppsSetKeyOptions } from './apps-command.ts';

const BOUND_HINT =
  'Signatures need not name their version: `apps set --require-bound-signatures` keeps old files from being published as new versions.';

export async function runAppsCreate(
  options: AppsCreateOptions,
  context: Context,
  givenName: string,
): Promise<void> {
  const { output } = context;
  const errors = new OptionErrors();
  const name = readName(givenName, 'app', errors);
  const slug = readSlug(options.slug, errors);
  const publicKey = readPublicKey(options.pubkey, errors);
  errors.throwIfAny();
  const pubkey = publicKey && formatPublicKey(publicKey);
  // Elsewhere a mistyped folder would become a store that the server does not have.
  const mayCreate = !options.database && options.dataDir === DEFAULT_DATA_DIR;
  await withStore({ ...options, mayCreate, effect: 'adds' }, context, async ({ queries }, by) => {
    const expiresAt = new Date(by.now.getTime() + DEFAULT_TOKEN_DAYS * DAY_MS);
    const firstToken = { name: 'publish', scopes: options.scope ?? PUBLISH_SCOPES, expiresAt };
    const created = await createAppWithToken(queries, { app: { name, slug, pubkey }, token: firstToken }, by);
    if (created === 'slug_taken') {
      throw new OtaError('conflict', `the slug ${slug} belongs, or once belonged, to another app`, {
        hint: 'Choose another slug.',
      });
    }
    const { app, token } = created;
    output.printable.reveal(token);
    output.document({ id: app.id, name: app.name, slug: app.slug, token });
    if (output.json) return; // stderr ends up in logs
    output.result([
      output.style('green', `Created the app ${name}.`),
      `  id     ${app.id}`,
      `  slug   ${app.slug ?? '(none yet: publish --slug sets it)'}`,
      `  token  ${token}`,
      `This token is shown only once. It expires on ${formatTimestamp(expiresAt.getTime())}.`,
    ]);
  });
}

export async function runAppsSetKey(
  options: AppsSetKeyOptions,
  context: Context,
  ...[reference, key]: readonly [string, string | undefined]
): Promise<void> {
  const { output } = context;
  const errors = new OptionErrors();
  if (key && options.pubkey) errors.add('the key is given twice: give it as an argument or with --pubkey');
  const publicKey = readPublicKey(key || options.pubkey, errors);
  if (!key && !options.pubkey)
    errors.add('no key given: pass a minisign public key or a file that contains one');
  errors.throwIfAny();
  if (publicKey === undefined) return;
  const pubkey = formatPublicKey(publicKey);
  await withStore({ ...options, effect: 'adds' }, context, async ({ queries }, by) => {
    const app = await appCalled(queries, reference, output);
    await setAppKey(queries, { appId: app.id, pubkey }, by);
    const accepted = await acceptedKeysOf(queries, { appId: app.id, pubkey });
    output.document({ id: app.id, name: app.name, slug: app.slug, pubkey, accepted_pubkeys: accepted });
    const [own, ...others] = accepted.map(publicKeyIdOf);
    const also = others.length > 0 ? `, and those that releases handed over to: ${others.join(', ')}` : '';
    const lines = [`Uploads of ${app.name} are accepted if signed with key ${own}${also}.`];
    if (!app.requireBoundSignatures) lines.push(BOUND_HINT);
    output.result(lines);
  });
}

export async function runAppsList(options: AppsListOptions, context: Context): Promise<void> {
  const { output } = context;
  await withStore({ ...options, effect: 'reads' }, context, async ({ queries }) => {
    const apps = (await listApps(queries)).map(
      ({ id, name, slug, pubkey, approval, requireBoundSignatures, createdAt }) => ({
        ...{ id, name, slug, pubkey, approval },
        require_bound_signatures: requireBoundSignatures,
        created_at: formatTimestamp(createdAt),
      }),
    );
    output.document(apps);
    const rows = apps.map(({ id, name, slug, created_at }) => [slug ?? '-', name, created_at, id]);
    const { columns: width, style } = output;
    const table = formatTable(rows, { header: ['slug', 'name', 'created', 'id'], width, style });
    output.result(rows.length > 0 ? table : 'No apps yet.');
  });
}
