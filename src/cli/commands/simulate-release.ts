import { OtaError } from '../../errors.ts';
import type { SimulateRequest } from '../../protocol/messages.ts';
import { formatPublicKey } from '../../protocol/minisign.ts';
import { readExtensions, supports } from '../../publish/server-state/server-state.ts';
import type { Context } from '../context.ts';
import { describeSimulation } from '../layout/simulation-table.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readChannel, readRequires, readRollout, readVersion } from '../options/release-options.ts';
import { readPublicKey } from '../options/remote-options.ts';
import { connectForApp } from '../wiring/connect.ts';
import { withRemote } from './releases.ts';
import type { ReleasesSimulateOptions } from './releases-command.ts';

/** Extension `simulate`. */
export async function runReleasesSimulate(
  options: ReleasesSimulateOptions,
  context: Context,
  version: string,
): Promise<void> {
  const errors = new OptionErrors();
  const request = readSimulation({ ...options, version }, errors);
  await withRemote(connectForApp(options, context, { errors }), async ({ client, retry, appId }) => {
    const extensions = await readExtensions({ client, retry });
    if (!supports({ extensions }, 'simulate')) {
      throw new OtaError('preflight_refused', 'this server does not simulate releases', {
        hint: 'Use a server with the extension simulate.',
      });
    }
    const simulated = await retry.run(() => client.simulate(appId, request));
    const { output } = context;
    output.document(simulated);
    const when = `Once ${simulated.version} ${CHANGES.find(([name]) => options[name])?.[1] ?? 'is live'}`;
    const { style, columns: width } = output;
    output.result(describeSimulation(simulated, { style, width, when, showsAll: options.all ?? false }));
  });
}

const CHANGES = [
  ['yank', 'is yanked'],
  ['delete', 'is deleted'],
  ['restore', 'is restored'],
  ['pause', 'is paused'],
  ['resume', 'is resumed'],
] as const;

const STATUS = { yank: 'yanked', delete: 'deleted', restore: 'published' } as const;

function readSimulation(
  options: ReleasesSimulateOptions & { readonly version: string },
  errors: OptionErrors,
): SimulateRequest {
  const given = CHANGES.filter(([name]) => options[name]).map(([name]) => `--${name}`);
  if (given.length > 1) errors.add(`${given.join(' and ')} cannot be used together`);
  const version = readVersion(options.version, errors);
  const rollout = readRollout({ ...options, share: options.rollout }, errors, '--rollout');
  const key = readPublicKey(options.embeddedPubkey, errors, '--embedded-pubkey');
  const channel = readChannel(options.channel, errors);
  const requires = readRequires(options.requires);
  const changed = (['yank', 'delete', 'restore'] as const).find((name) => options[name]);
  return {
    version,
    ...(changed !== undefined && { status: STATUS[changed] }),
    ...(options.pause && { paused: true }),
    ...(options.resume && { paused: false }),
    ...(rollout !== undefined && { rollout }),
    ...(channel !== undefined && { channel }),
    ...(requires !== undefined && { requires }),
    ...(key && { embedded_pubkey: formatPublicKey(key) }),
    ...(options.mandatory && { mandatory: true }),
  };
}
