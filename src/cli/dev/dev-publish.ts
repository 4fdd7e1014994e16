import { setTimeout as sleep } from 'node:timers/promises';
import { OtaClient } from '../../client/ota-client.ts';
import { Retry } from '../../client/retry.ts';
import { UndiciTransport } from '../../client/transport/transport.ts';
import { createAppWithToken } from '../../database/queries/apps.ts';
import { OtaError } from '../../errors.ts';
import { SCOPES } from '../../protocol/access/scope.ts';
import { formatPublicKey, type PublicKey } from '../../protocol/minisign.ts';
import { generateSigningKeyPair } from '../../protocol/minisign-signer.ts';
import { type PublishResult, publish } from '../../publish/publish.ts';
import type { PublishEvent } from '../../publish/publish-event.ts';
import { DEFAULT_CONCURRENCY } from '../defaults.ts';
import { thisOperator } from '../this-operator.ts';
import type { StartedServer } from '../wiring/start-server.ts';
import type { DevBuild } from './dev-build.ts';
import { signBuild } from './sign-build.ts';

export interface DevPublishOptions {
  /** Of this process. */
  readonly server: Pick<StartedServer, 'url' | 'database'>;
  /** What it is offered as. */
  readonly version: string;
  readonly report: (event: PublishEvent) => void;
  readonly signal: AbortSignal;
}

/** Signs a build with a temporary key, and publishes it to this process's own server, over HTTP as usual. */
export async function publishToOwnServer(
  build: DevBuild,
  { server, version, report, signal }: DevPublishOptions,
): Promise<PublishResult & { readonly publicKey: PublicKey }> {
  const now = new Date();
  const keyPair = generateSigningKeyPair();
  const { publicKey } = keyPair;
  const artifacts = await signBuild(build.artifacts, { keyPair, version, now, signal });
  const { appId, token } = await createDevApp(server, build, publicKey);
  const transport = new UndiciTransport(); // direct: the environment's proxies are not for this server
  const client = new OtaClient({ server: new URL(server.url), token, transport, signal });
  const retry = new Retry({ signal, onRetry: (notice) => report({ type: 'retrying', notice }) });
  const wait = (ms: number) => sleep(ms, undefined, { signal });
  try {
    const publisher = { appId, client, transport, retry, report, sleep: wait, signal };
    const result = await publish(publisher, {
      version,
      notes: build.notes,
      artifacts,
      discovered: true,
      leftOut: build.leftOut,
      publicKey,
      embeddedKey: publicKey, // the overlay's
      allowPrerelease: true,
      concurrency: DEFAULT_CONCURRENCY,
      dryRun: false,
    });
    return { ...result, publicKey };
  } finally {
    await transport.close();
  }
}

async function createDevApp(
  { database }: Pick<StartedServer, 'database'>,
  { name, slug }: DevBuild,
  publicKey: PublicKey,
): Promise<{ appId: string; token: string }> {
  const app = { name, slug, pubkey: formatPublicKey(publicKey) };
  const token = { name: 'dev', scopes: SCOPES, expiresAt: null };
  const by = { actor: thisOperator({}), now: database.clock() };
  const created = await createAppWithToken(database.queries, { app, token }, by);
  if (created === 'slug_taken') throw new OtaError('conflict', `the slug ${slug} is already taken`);
  return { appId: created.app.id, token: created.token };
}
