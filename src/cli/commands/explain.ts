import type { InstalledApp } from '../../client/ota-client.ts';
import { OtaError } from '../../errors.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ExplainQuery, ExplainResponse } from '../../protocol/messages.ts';
import { formatPublicKey, type PublicKey } from '../../protocol/minisign.ts';
import { readExtensions, supports } from '../../publish/server-state/server-state.ts';
import type { Context } from '../context.ts';
import { indent } from '../format.ts';
import { formatTable, type TableOptions } from '../layout/table.ts';
import { wrapWords } from '../layout/words.ts';
import { connectForApp } from '../wiring/connect.ts';
import type { CheckOptions } from './check-command.ts';
import { withRemote } from './releases.ts';

export interface ExplainedApp {
  readonly app: InstalledApp;
  readonly server: URL;
  readonly publicKey: PublicKey | undefined;
}

/** Extension `explain`. @throws OtaError `preflight_refused` for a server without it */
export async function explainCheck(
  options: CheckOptions,
  context: Context,
  { app, server, publicKey }: ExplainedApp,
): Promise<ExplainResponse> {
  const remote = connectForApp({ ...options, server: server.href }, context);
  return withRemote(remote, async ({ client, retry, appId }) => {
    const extensions = await readExtensions({ client, retry });
    if (!supports({ extensions }, 'explain')) {
      throw new OtaError('preflight_refused', 'this server does not say why it answers a check as it does', {
        hint: 'Leave --explain out, or use a server with the extension explain.',
      });
    }
    return retry.run(() => client.explain(appId, queryOf(app, publicKey)));
  });
}

function queryOf(app: InstalledApp, publicKey: PublicKey | undefined): ExplainQuery {
  const { currentVersion: version, target, arch, bundleType, channel, cohort, isManual, takesLower } = app;
  return {
    ...{ version, target, arch },
    ...(bundleType !== undefined && { bundle_type: bundleType }),
    ...(channel !== undefined && { channel }),
    ...(cohort !== undefined && { cohort: String(cohort) }),
    ...(isManual && { manual: '1' }),
    ...(takesLower && { downgrade: '1' }),
    ...(publicKey && { pubkey: formatPublicKey(publicKey) }),
  };
}

const HEADER = ['version', 'rule', 'why'];

/** What decided about each release, for people. */
export function describeExplanation(
  { releases, omitted, notes, channel, platform }: ExplainResponse,
  { style, width = Number.POSITIVE_INFINITY }: TableOptions,
): string[] {
  const rows = releases.map((release) => [
    release.channel === STABLE ? release.version : `${release.version} (${release.channel})`,
    release.rule,
    release.reason,
  ]);
  if (omitted > 0) rows.splice(-1, 0, ['…', '', `${omitted} more`]);
  const table = formatTable(rows, { header: HEADER, width: width - 2, ...(style && { style }) });
  const title = `Why, for ${platform} in ${channel}:`;
  const nothing = 'There are no releases for it.';
  return [
    style?.('bold', title) ?? title,
    ...indent(rows.length === 0 ? [nothing] : table),
    ...notes.flatMap(({ reason }) => wrapWords(reason, width)),
  ];
}
