import { setTimeout as sleep } from 'node:timers/promises';
import { OtaClient } from '../../client/ota-client.ts';
import { Retry } from '../../client/retry.ts';
import { UndiciTransport } from '../../client/transport/transport.ts';
import { createAppWithToken } from '../../database/queries/apps.ts';
import { formatPublicKey, type PublicKey } from '../../protocol/minisign.ts';
import { generateSigningKeyPair } from '../../protocol/minisign-signer.ts';
import { SCOPES } from '../../protocol/token.ts';
import { type PublishResult, publish } from '../../publish/publish.ts';
import type { PublishEvent } from '../../publish/publish-event.ts';
import { DEFAULT_CONCURRENCY } from '../defaults.ts';
import type { StartedServer } from '../wiring/start-server.ts';
import type { DevBuild } from './find-dev-build.ts';
import { signBuild } from './sign-build.ts';

/** Signs a build with a key of this moment, and publishes it to a server of this process, over HTTP as ever. */
export async function publishToOwnServer(
  { url, database }: Pick<StartedServer, 'url' | 'database'>,
  build: DevBuild,
  version: string,
  { report, signal }: { report: (event: PublishEvent) => void; signal: AbortSignal },
): Promise<PublishResult & { readonly publicKey: PublicKey }> {
  const now = new Date();
  const keyPair = generateSigningKeyPair();
  const { publicKey } = keyPair;
  const artifacts = await signBuild(build.artifacts, { keyPair, version, now, signal });
  const app = { name: build.name, slug: build.slug, pubkey: formatPublicKey(publicKey) };
  const firstToken = { name: 'rehearsal', scopes: SCOPES, expiresAt: null };
  const created = await createAppWithToken(database.queries, app, firstToken, now);
  if (created === 'slug_taken') throw new Error(`the slug ${build.slug} is taken on an empty server`);
  const transport = new UndiciTransport(); // straight: what the environment says of servers and proxies is not for it
  const publisher = {
    appId: created.app.id,
    client: new OtaClient({ server: new URL(url), token: created.token, transport, signal }),
    transport,
    retry: new Retry({ signal, onRetry: (notice) => report({ type: 'retrying', notice }) }),
    report,
    sleep: (ms: number) => sleep(ms, undefined, { signal }),
    signal,
  };
  try {
    const result = await publish(publisher, {
      version,
      notes: build.notes,
      artifacts,
      discovered: true,
      leftOut: build.leftOut,
      publicKey,
      allowPrerelease: true,
      concurrency: DEFAULT_CONCURRENCY,
      dryRun: false,
    });
    return { ...result, publicKey };
  } finally {
    await transport.close();
  }
}
