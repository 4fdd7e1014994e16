import fc from 'fast-check';
import { expect, test } from 'vitest';
import { listReleases } from '../../../../src/database/queries/list-releases.ts';
import { publishRelease, updateRelease } from '../../../../src/database/queries/publish-release.ts';
import { createRelease, deleteRelease } from '../../../../src/database/queries/releases.ts';
import { EXTENSIONS } from '../../../../src/protocol/extensions.ts';
import { type Platform, platformName } from '../../../../src/protocol/platform.ts';
import { compareVersions } from '../../../../src/protocol/version.ts';
import { keyFor, knownKeys } from '../../../../src/publish/known-keys.ts';
import { askingFor } from '../../../../src/publish/plan/asking-for.ts';
import { plan } from '../../../../src/publish/plan/plan.ts';
import { liveBefore } from '../../../../src/publish/plan/previous-release.ts';
import { plannedRouting } from '../../../../src/publish/plan/routing.ts';
import type { ReleaseRequest } from '../../../../src/publish/release-request.ts';
import { findRelease } from '../../../../src/publish/server-state/find-release.ts';
import { readServerState, type ServerState } from '../../../../src/publish/server-state/server-state.ts';
import { times } from '../../../support/process/torture.ts';
import { artifact } from '../../../support/publish/plan-inputs.ts';
import { startPublishWorld } from '../../../support/publish/publish-world.ts';
import { type TestKey, testKey } from '../../../support/publish/routed-releases.ts';
import { publisherOver } from '../../../support/publish/test-publisher.ts';
import { by } from '../../../support/server/by.ts';
import { NOW, StoreWithApp } from '../../../support/server/store-with-app.ts';
import { DEB, LINUX, MAC } from '../../../support/tauri/local-file.ts';

const PLATFORMS: readonly Platform[] = [LINUX, DEB, MAC];
const VERSIONS = ['1.0.0', '1.1.0-beta.1', '1.1.0', '1.2.0', '2.0.0', '2.1.0'];
const ASKED = [...VERSIONS, '0.9.0', '1.1.5', '3.0.0'];
const KEYS = [testKey(), testKey(), testKey()];
/** An index of a key. */
type Key = number;
const keyAt = (key: Key): TestKey => KEYS[key] as TestKey;

interface Release {
  readonly kind: 'draft' | 'at_once' | 'when_complete';
  readonly version: string;
  readonly channel: 'stable' | 'beta';
  /** Undefined for a file that minisign did not sign. */
  readonly signed: Key | undefined;
  readonly carries: Key | undefined;
  readonly requires: string | undefined;
  /** Whether the release has the signature, as one of the documented API does. */
  readonly isSignedItself: boolean;
  readonly platforms: readonly Platform[];
}

interface Change {
  readonly kind: 'yank' | 'restore' | 'delete' | 'publish' | 'lose';
  readonly version: string;
}

const key = fc.constantFrom<Key[]>(0, 0, 0, 0, 1, 2);
const aRelease = fc.record<Release>({
  kind: fc.constantFrom('draft', 'at_once', 'when_complete', 'when_complete'),
  version: fc.constantFrom(...VERSIONS),
  channel: fc.constantFrom('stable', 'stable', 'beta'),
  signed: fc.oneof({ weight: 9, arbitrary: key }, { weight: 1, arbitrary: fc.constant(undefined) }),
  carries: fc.option(key, { nil: undefined, freq: 4 }),
  requires: fc.option(fc.constantFrom(...VERSIONS), { nil: undefined, freq: 6 }),
  isSignedItself: fc.boolean(),
  platforms: fc.subarray([...PLATFORMS]),
});
const aChange = fc.record<Change>({
  kind: fc.constantFrom('yank', 'restore', 'delete', 'publish', 'lose'),
  version: fc.constantFrom(...VERSIONS),
});
const history = fc.array(fc.oneof({ weight: 3, arbitrary: aRelease }, { weight: 1, arbitrary: aChange }), {
  minLength: 1,
  maxLength: 12,
});
/** What is to be published. */
const wanted = fc.record({
  version: fc.constantFrom(...ASKED),
  channel: fc.constantFrom(undefined, 'beta'),
  requires: fc.option(fc.constantFrom(...ASKED), { nil: undefined, freq: 5 }),
  signed: key,
  publicKey: fc.option(key, { nil: undefined, freq: 2 }),
  embeddedKey: fc.option(key, { nil: undefined }),
  platforms: fc.subarray([...PLATFORMS], { minLength: 1 }),
});

async function apply(store: StoreWithApp, step: Release | Change): Promise<void> {
  const { db, appId } = store;
  const { version } = step;
  const existing = findRelease((await listReleases(db, appId)) as never, version);
  if ('channel' in step) return existing === undefined ? addRelease(store, step) : undefined;
  if (existing === undefined) return;
  const release = { appId, releaseId: existing.id };
  if (step.kind === 'delete') await deleteRelease(db, release, { by: by(), allowStranding: true });
  else if (step.kind === 'publish') await publishRelease(db, release, { required: null, by: by() });
  else if (step.kind === 'lose')
    await db
      .updateTable('artifacts')
      .set({ lost_at: NOW.getTime() })
      .where('release_id', '=', existing.id)
      .execute();
  else if (existing.status !== 'draft')
    await updateRelease(db, release, {
      by: by(),
      status: step.kind === 'yank' ? 'yanked' : 'published',
      allowStranding: true,
    });
}

async function addRelease(store: StoreWithApp, release: Release): Promise<void> {
  const { appId, db } = store;
  const { version, channel, signed, carries, requires, isSignedItself, platforms, kind } = release;
  const signature = signed === undefined ? 'of another format' : keyAt(signed).signature;
  const created = await createRelease(
    db,
    {
      appId,
      version,
      channel,
      notes: `Notes of ${version}.`,
      signature: isSignedItself ? signature : null,
      draft: kind !== 'at_once',
      embeddedPubkey: carries === undefined ? null : keyAt(carries).text,
      requires: requires !== undefined && compareVersions(requires, version) < 0 ? requires : null,
      allowStranding: true,
    },
    by(),
  );
  if (typeof created === 'string') return;
  for (const platform of platforms) {
    const id = await store.grant(created.id, platform, { ...(!isSignedItself && { signature }) });
    await store.complete(id);
  }
  if (kind === 'when_complete')
    await publishRelease(db, { appId, releaseId: created.id }, { required: null, by: by() });
}

/** All that a publish decides by what the server has. */
function decisions(
  request: ReleaseRequest,
  { signed, platforms }: { readonly signed: Key; readonly platforms: readonly Platform[] },
  server: ServerState,
) {
  const files = platforms.map((platform) => artifact(platform, { signature: keyAt(signed).signature }));
  const result = plan(request, files, server);
  const existing = findRelease(server.releases, request.version);
  const published = files.map((file) => ({ ...file, servedSignature: file.signature }));
  const askAs = askingFor(plannedRouting(request, existing), published as never, server);
  return {
    plan: result.kind === 'ok' ? result : result.issues.map(({ id, code }) => ({ id, code })),
    verifiedWith: KEYS.map(({ signature }) => keyFor(signature, knownKeys(request, server)) !== undefined),
    askAs: PLATFORMS.map((platform) => [platformName(platform), askAs(platform)]),
    previous: liveBefore(server.releases, request)?.version,
  };
}

let apps = 0;

test('field 14: in any history the few releases that are read decide as the list of all would', async () => {
  const world = await startPublishWorld([]);
  const { transport } = world.connect();
  const all = new Set<string>(EXTENSIONS);
  const without = new Set([...all].filter((extension) => extension !== 'publish-state'));
  await fc.assert(
    fc.asyncProperty(history, fc.array(wanted, { minLength: 4, maxLength: 4 }), async (steps, requests) => {
      const store = await StoreWithApp.in(world.server.database, `app-${apps++}`);
      const token = await world.server.createToken(store.appId);
      const publisher = publisherOver(transport, { server: world.url, appId: store.appId, token });
      for (const step of steps) await apply(store, step);
      for (const { signed, platforms, publicKey, embeddedKey, ...fields } of requests) {
        const request: ReleaseRequest = {
          ...fields,
          allowPrerelease: true,
          publicKey: publicKey === undefined ? undefined : keyAt(publicKey).pair.publicKey,
          embeddedKey: embeddedKey === undefined ? undefined : keyAt(embeddedKey).pair.publicKey,
        };
        const [some, list] = await Promise.all(
          [all, without].map(async (extensions) => {
            const state = await readServerState(publisher, { ...request, extensions, platforms: PLATFORMS });
            return decisions(request, { signed, platforms }, { ...state, extensions: all });
          }),
        );
        expect(some).toEqual(list);
      }
    }),
    { numRuns: times(10, 1000) },
  );
});
