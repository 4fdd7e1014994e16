import { listApps } from '../../database/queries/apps.ts';
import {
  createToken,
  listTokens,
  readTokenUses,
  revokeTokens,
  type TokenRecord,
} from '../../database/queries/tokens.ts';
import type { Queries } from '../../database/schema.ts';
import { TOKEN_PRESETS } from '../../protocol/access/scope.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import type { Context } from '../context.ts';
import { formatCount } from '../format.ts';
import { formatTable } from '../layout/table.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readExpiry } from '../options/quantities.ts';
import { readApp, readName } from '../options/remote-options.ts';
import { appCalled, noteFilter, tokenCalled } from '../wiring/called.ts';
import { withStore } from '../wiring/open-store.ts';
import type { TokensCreateOptions, TokensListOptions, TokensRevokeOptions } from './tokens-command.ts';

export async function runTokensCreate(options: TokensCreateOptions, context: Context): Promise<void> {
  const { output } = context;
  const errors = new OptionErrors();
  const reference = readApp(options.app, errors);
  const name = readName(options.name, 'token', errors);
  const lifetimeMs = readExpiry(options.expires, errors);
  errors.throwIfAny();
  await withStore({ ...options, effect: 'adds' }, context, async ({ queries }, by) => {
    const { id: appId } = await appCalled(queries, reference, output);
    const scopes = options.scope ?? TOKEN_PRESETS[options.for ?? 'publish'];
    const expiresAt = lifetimeMs === null ? null : new Date(by.now.getTime() + lifetimeMs);
    const { record, token } = await createToken(queries, { appId, name, scopes, expiresAt }, by);
    output.printable.reveal(token);
    output.document({ ...toDocument(record), token });
    if (output.json) return; // stderr ends up in logs
    output.result([token, `This token is shown only once. Id: ${record.id}; ${expiryInWords(record)}.`]);
  });
}

export async function runTokensList(options: TokensListOptions, context: Context): Promise<void> {
  const { output } = context;
  await withStore({ ...options, effect: 'reads' }, context, async ({ queries }) => {
    const app = options.app ? await appCalled(queries, options.app, output) : undefined;
    noteFilter(options.app, context);
    const tokens = await listTokens(queries, app?.id);
    const uses = await readTokenUses(queries);
    output.document(tokens.map((token) => ({ ...toDocument(token), last_used_at: lastUse(token, uses) })));
    if (tokens.length === 0) return output.result('No tokens yet.');
    const isOfSeveral = new Set(tokens.map(({ appId }) => appId)).size > 1;
    const names = isOfSeveral ? await appNames(queries) : undefined;
    const isOfJobs = tokens.some(({ job }) => job !== null);
    const rows = tokens.map((token) => [
      ...[token.name, ...(names ? [names.get(token.appId) ?? token.appId] : [])],
      ...[token.scopes.join(' '), endInWords(token), lastUse(token, uses) ?? 'never', token.id],
      ...(isOfJobs ? [originInWords(token)] : []),
    ]);
    const header = [
      'name',
      ...(names ? ['app'] : []),
      'scopes',
      'expires',
      'last used',
      'id',
      ...(isOfJobs ? ['from'] : []),
    ];
    output.result(formatTable(rows, { header, width: output.columns, style: output.style }));
  });
}

export async function runTokensRevoke(
  options: TokensRevokeOptions,
  context: Context,
  reference: string | undefined,
): Promise<void> {
  const { output } = context;
  const errors = new OptionErrors();
  const { all = false, app } = options;
  if (all === (reference !== undefined)) errors.add('name one token, or pass --all');
  if (app !== undefined && !all)
    errors.add('--app says of which app to revoke all tokens: pass --all with it');
  errors.throwIfAny();
  await withStore({ ...options, effect: 'frees' }, context, async ({ queries }, by) => {
    if (reference !== undefined) {
      const { id } = await tokenCalled(queries, reference);
      await revokeTokens(queries, { id }, by);
      output.document({ id, revoked: true });
      return output.result(`Revoked ${id}.`);
    }
    const appId = app === undefined ? undefined : (await appCalled(queries, app, output)).id;
    const revoked = await revokeTokens(queries, { appId }, by);
    output.document({ revoked: revoked.map(({ id }) => id) });
    output.result(`Revoked ${formatCount(revoked.length, 'token')}.`);
  });
}

/** What each app is called in other commands: its slug, or else its name; by id. */
async function appNames(queries: Queries): Promise<ReadonlyMap<string, string>> {
  const apps = await listApps(queries);
  return new Map(apps.map(({ id, slug, name }) => [id, slug ?? name]));
}

function toDocument({ id, appId, name, scopes, createdAt, expiresAt, revokedAt, job }: TokenRecord) {
  return {
    id,
    app: appId,
    name,
    kind: job === null ? 'stored' : 'trusted',
    scopes,
    created_at: formatTimestamp(createdAt),
    expires_at: expiresAt === null ? null : formatTimestamp(expiresAt),
    revoked_at: revokedAt === null ? null : formatTimestamp(revokedAt),
    ...(job !== null && { job }),
  };
}

function lastUse({ id }: TokenRecord, uses: ReadonlyMap<string, number>): string | null {
  const usedAt = uses.get(id);
  return usedAt === undefined ? null : formatTimestamp(usedAt);
}

/** In a column. */
function endInWords({ expiresAt, revokedAt }: TokenRecord): string {
  if (revokedAt !== null) return `revoked ${formatTimestamp(revokedAt)}`;
  return expiresAt === null ? 'never' : formatTimestamp(expiresAt);
}

function expiryInWords({ expiresAt, revokedAt }: TokenRecord): string {
  if (revokedAt !== null) return `revoked on ${formatTimestamp(revokedAt)}`;
  return expiresAt === null ? 'never expires' : `expires on ${formatTimestamp(expiresAt)}`;
}

function originInWords({ job }: TokenRecord): string {
  return job === null ? '' : `${job.run} by ${job.actor}`;
}
