import { OtaError } from '../../errors.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { compareVersions } from '../../protocol/version.ts';
import { requireRelease } from '../../publish/server-state/find-release.ts';
import { readExtensions } from '../../publish/server-state/server-state.ts';
import type { Context } from '../context.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { type AppRemote, connectForApp } from '../wiring/connect.ts';
import { listReleases, requirePolicy, withRemote } from './releases.ts';
import type { ReleasesRollbackOptions } from './releases-command.ts';

/** Extension `policy`: yanks releases so that apps which take lower versions go back from them. */
export async function runReleasesRollback(
  options: ReleasesRollbackOptions,
  context: Context,
  idOrVersion: string | undefined,
): Promise<void> {
  const { output } = context;
  const errors = new OptionErrors();
  if ((idOrVersion === undefined) === (options.to === undefined))
    errors.add('give either the release to roll back, or --to with the version to go back to');
  const connection = connectForApp(options, context, { errors });
  const releases = await withRemote(connection, async (remote) => {
    const { client, retry, appId } = remote;
    requirePolicy(await readExtensions(remote));
    const found = await retry.run(() => requireRelease(remote, options.to ?? idOrVersion ?? ''));
    const withdrawn = options.to === undefined ? [found.release] : await liveAbove(remote, found.release);
    const rolledBack: ReleaseResponse[] = [];
    for (const { id } of withdrawn) {
      const change = {
        ...({ status: 'yanked', rolled_back: true } as const),
        ...(options.allowStranding && { allow_stranding: true }),
      };
      rolledBack.push(await retry.run(() => client.updateRelease(appId, id, change)));
    }
    return rolledBack;
  });
  output.document({ rolled_back: releases });
  const versions = releases.map(({ version }) => version).join(', ');
  output.result(
    `Rolled back ${versions}: no longer offered, and apps that take lower versions go back from there.`,
  );
}

/** The highest first, so that none is offered in between which is rolled back next. */
async function liveAbove(
  remote: AppRemote,
  { version, channel = STABLE, status = 'published' }: ReleaseResponse,
): Promise<ReleaseResponse[]> {
  if (status !== 'published') throw notLive(version);
  const all = await listReleases(remote, Number.POSITIVE_INFINITY);
  const higher = all.filter(
    (other) =>
      (other.status ?? 'published') === 'published' &&
      (other.channel ?? STABLE) === channel &&
      compareVersions(other.version, version) > 0,
  );
  if (higher.length > 0) return higher.toSorted((a, b) => compareVersions(b.version, a.version));
  throw new OtaError('preflight_refused', `no live release of ${channel} is higher than ${version}`, {
    hint: 'Run `synckit-ota releases list` to see what is live.',
  });
}

function notLive(version: string): OtaError {
  return new OtaError('preflight_refused', `${version} is not live, so no app could go back to it`, {
    hint: 'Restore it first: `synckit-ota releases restore`.',
  });
}
