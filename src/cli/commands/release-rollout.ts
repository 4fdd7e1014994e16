import { OtaError } from '../../errors.ts';
import type { ReleaseResponse, UpdateReleaseRequest } from '../../protocol/messages.ts';
import { supports } from '../../publish/server-state/server-state.ts';
import type { Context } from '../context.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readRollout } from '../options/release-options.ts';
import { describeRollout } from '../rollout-in-words.ts';
import { connectForApp } from '../wiring/connect.ts';
import { withRelease } from './releases.ts';
import type {
  ReleasesPauseOptions,
  ReleasesResumeOptions,
  ReleasesRolloutOptions,
} from './releases-command.ts';

/** Extension `rollout`. */
export async function runReleasesRollout(
  options: ReleasesRolloutOptions,
  context: Context,
  ...[idOrVersion, share]: [idOrVersion: string, share: string | undefined]
): Promise<void> {
  const errors = new OptionErrors();
  const rollout = readRollout({ ...options, share }, errors, 'the share');
  if (rollout === undefined)
    errors.add('nothing to change: give a share like 25%, or pass --over or --at; 100% is everyone');
  await change({ options, context, idOrVersion, errors, body: { rollout: rollout ?? null } });
}

export async function runReleasesPause(
  options: ReleasesPauseOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  await change({ options, context, idOrVersion, errors: new OptionErrors(), body: { paused: true } });
}

export async function runReleasesResume(
  options: ReleasesResumeOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  const body = { paused: false, ...(!options.autoPause && { auto_pause: false }) };
  await change({ options, context, idOrVersion, errors: new OptionErrors(), body });
}

interface Change {
  readonly options: ReleasesPauseOptions;
  readonly context: Context;
  readonly idOrVersion: string;
  readonly errors: OptionErrors;
  readonly body: UpdateReleaseRequest;
}

async function change({ options, context, idOrVersion, errors, body }: Change): Promise<void> {
  const { output } = context;
  const remote = connectForApp(options, context, { errors });
  const release = await withRelease(
    remote,
    idOrVersion,
    async ({ id }, { client, retry, appId }): Promise<ReleaseResponse> => {
      if (!supports(client, 'rollout')) {
        throw new OtaError('preflight_refused', 'this server offers a release to everyone', {
          hint: 'Use a server with the extension rollout; `releases yank` withdraws a release.',
        });
      }
      if (body.auto_pause !== undefined && !supports(client, 'events'))
        throw new OtaError('preflight_refused', 'this server pauses no releases by itself', {
          hint: 'Leave out --no-auto-pause.',
        });
      return retry.run(() => client.updateRelease(appId, id, body));
    },
  );
  output.document(release);
  output.result([
    describeOffer(release),
    ...(release.auto_pause === false ? ['The server does not pause it by itself.'] : []),
  ]);
}

/** What a release is that is no one's for another reason than its rollout, too. */
function describeOffer(release: ReleaseResponse): string {
  const { version, status } = release;
  const state = describeRollout(release) ?? 'offered to everyone';
  if (status === 'yanked') return `${version} is yanked. Once it is restored, it is ${state}.`;
  return `${version} is ${state}${status === 'draft' ? ', once it is live' : ''}.`;
}
