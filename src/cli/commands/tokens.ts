import { findApp } from '../../database/queries/apps.ts';
import { createToken, listTokens, revokeToken, type TokenRecord } from '../../database/queries/tokens.ts';
import { OtaError } from '../../errors.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { SCOPES } from '../../protocol/token.ts';
import type { Context } from '../context.ts';
import { formatTable } from '../format.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readApp } from '../options/remote-options.ts';
import { expiryAfterDays, readExpiry } from '../options/token-expiry.ts';
import { withStore } from '../wiring/open-store.ts';
import type { TokensCreateOptions, TokensListOptions, TokensRevokeOptions } from './tokens-command.ts';

export async function runTokensCreate(options: TokensCreateOptions, { output }: Context): Promise<void> {
  const errors = new OptionErrors();
  const appId = readApp(options.app, errors);
  const days = readExpiry(options.expires, errors);
  errors.throwIfAny();
  await withStore(options, async ({ queries, clock }) => {
    if ((await findApp(queries, appId)) === undefined) {
      throw new OtaError('usage', `there is no app ${appId}`, {
        hint: '`synckit-ota apps list` shows their ids.',
      });
    }
    const scopes = options.scope ?? SCOPES;
    const now = clock();
    const expiresAt = days === null ? null : expiryAfterDays(days, now);
    const { record, token } = await createToken(
      queries,
      { appId, name: options.name, scopes, expiresAt },
      now,
    );
    output.document({ ...toDocument(record), token });
    if (output.json) return; // stderr ends up in logs
    output.result(`${token}\nThis token is shown only once. Id: ${record.id}; ${expiryInWords(record)}.`);
  });
}

export async function runTokensList(options: TokensListOptions, { output }: Context): Promise<void> {
  await withStore(options, async ({ queries }) => {
    const tokens = await listTokens(queries, options.app || undefined);
    output.document(tokens.map(toDocument));
    const rows = tokens.map((token) => [token.id, token.name, token.scopes.join(' '), expiryInWords(token)]);
    output.result(rows.length > 0 ? formatTable(rows) : 'No tokens yet.');
  });
}

export async function runTokensRevoke(
  options: TokensRevokeOptions,
  { output }: Context,
  id: string,
): Promise<void> {
  await withStore(options, async ({ queries, clock }) => {
    if (!(await revokeToken(queries, id, clock()))) {
      throw new OtaError('usage', `there is no token with the id ${id}`, {
        hint: '`synckit-ota tokens list` shows their ids.',
      });
    }
    output.document({ id, revoked: true });
    output.result(`Revoked ${id}.`);
  });
}

function toDocument({ id, appId, name, scopes, createdAt, expiresAt, revokedAt }: TokenRecord) {
  return {
    id,
    app: appId,
    name,
    scopes,
    created_at: formatTimestamp(createdAt),
    expires_at: expiresAt === null ? null : formatTimestamp(expiresAt),
    revoked_at: revokedAt === null ? null : formatTimestamp(revokedAt),
  };
}

function expiryInWords({ expiresAt, revokedAt }: TokenRecord): string {
  if (revokedAt !== null) return `revoked on ${formatTimestamp(revokedAt)}`;
  return expiresAt === null ? 'never expires' : `expires on ${formatTimestamp(expiresAt)}`;
}
