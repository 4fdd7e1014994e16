import { open, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { setApproval, setTrustedOnly } from '../../../src/database/queries/apps.ts';
import { ARCHS, BUNDLE_TYPES_OF, TARGETS } from '../../../src/protocol/platform.ts';
import { PROBLEM_STATUS, type ProblemCode } from '../../../src/protocol/problem.ts';
import type { PublishRequest } from '../../../src/publish/publish.ts';
import { type PublishWorld, startPublishWorld } from '../../support/publish/publish-world.ts';
import { by } from '../../support/server/by.ts';
import { openTestServer } from '../../support/server/server.ts';
import { LINUX, MAC, writeArtifact } from '../../support/tauri/local-file.ts';

/** A refusal of the server that `publish` finds before its first write, and how to provoke it. */
interface Foreseen {
  readonly what: string;
  readonly issueIds: readonly string[];
  /** What makes the server refuse, and how that is published. */
  provoke(world: PublishWorld): Promise<Partial<PublishRequest> & { readonly token?: string }>;
}

const MAX_ARTIFACT_SIZE = 2000;
const ALL_NAMES = TARGETS.flatMap((target) =>
  ARCHS.flatMap((arch) => [undefined, ...BUNDLE_TYPES_OF[target]].map((type) => [target, arch, type])),
).map((parts) => parts.filter((part) => part !== undefined).join('-'));

const withScopes =
  (...scopes: string[]): Foreseen['provoke'] =>
  async ({ server, app }) => ({ token: await server.createToken(app.id, { scopes }) });

/** Every problem of the API, and how a publish foresees it, or why it cannot meet it or know of it before. */
const REFUSALS: Readonly<Record<ProblemCode, readonly Foreseen[] | string>> = {
  invalid_request: [
    {
      what: 'more expected platforms than a release may have',
      issueIds: ['release.unacceptable'],
      provoke: async () => ({ expect: ALL_NAMES.slice(0, 33) }),
    },
    {
      what: 'a signature that is no text',
      issueIds: ['file.unacceptable'],
      provoke: async ({ folder }) => ({
        artifacts: [{ ...(await writeArtifact(folder, LINUX)), givenSignature: 'a\0b' }],
      }),
    },
    {
      what: 'a channel that is no name',
      issueIds: ['release.unacceptable'],
      provoke: async () => ({ channel: 'No Channel' }),
    },
  ],
  unauthorized: [
    {
      what: 'a token that was revoked',
      issueIds: [],
      provoke: async ({ server, app }) => ({
        token: await server.createToken(app.id, { expiresAt: server.now }),
      }),
    },
  ],
  forbidden: [
    {
      what: 'a token that may only read',
      issueIds: ['server.token_scope', 'server.token_scope'],
      provoke: withScopes('release:read'),
    },
    {
      what: 'a token that may only upload, with a release that is to go live',
      issueIds: ['server.token_scope'],
      provoke: withScopes('release:read', 'release:upload', 'app:admin'),
    },
    {
      what: 'a token that may publish in other channels only',
      issueIds: ['server.token_scope'],
      provoke: withScopes('release:read', 'release:upload', 'release:publish@beta'),
    },
    {
      what: 'a token that may not delete what fails, with --rollback-on-failure',
      issueIds: ['server.token_scope'],
      async provoke({ server, app }) {
        const scopes = ['release:read', 'release:write'];
        return { token: await server.createToken(app.id, { scopes }), rollbackOnFailure: true };
      },
    },
    {
      what: 'a token that may register the slug and then not publish',
      issueIds: ['server.token_scope', 'server.token_scope'],
      provoke: withScopes('release:read', 'app:admin'),
    },
    {
      what: 'a token that may publish, with another slug to register',
      issueIds: ['server.token_scope'],
      async provoke(world) {
        await world.run();
        const token = await withScopes('release:read', 'release:write')(world);
        return { ...token, slug: 'next-app', version: '1.3.0' };
      },
    },
  ],
  approval_required: [
    {
      what: 'files for a live release of an app that requires approval',
      issueIds: ['release.needs_approval'],
      async provoke(world) {
        await world.run({ artifacts: world.filesOf(LINUX) });
        await setApproval(world.server.database.queries, { appId: world.app.id, approval: true }, by());
        return { artifacts: world.filesOf(MAC) };
      },
    },
  ],
  trusted_only: [
    {
      what: 'an app that only trusted workflows publish',
      issueIds: ['server.trusted_only'],
      async provoke({ server, app }) {
        await setTrustedOnly(server.database.queries, { appId: app.id, only: true }, by());
        return {};
      },
    },
  ],
  identity_refused: 'it has a token, or none: the first request finds out',
  identity_used: 'each is sent once',
  issuer_unavailable: 'tried again',
  digest_pending: 'only feeds for other updaters answer it',
  version_taken: [
    {
      what: 'a version that differs in its build metadata only',
      issueIds: ['release.exists'],
      async provoke(world) {
        await world.run();
        return { version: '1.2.0+7' };
      },
    },
  ],
  immutable: [
    {
      what: 'a platform that has a different file',
      issueIds: ['file.other_bytes'],
      async provoke(world) {
        await world.run();
        return { artifacts: [await writeArtifact(world.folder, LINUX)] };
      },
    },
    {
      what: 'a version that was live with a different file, and was deleted',
      issueIds: ['file.once_live'],
      async provoke(world) {
        await world.run();
        await deleteAll(world);
        return { artifacts: [await writeArtifact(world.folder, LINUX)] };
      },
    },
    {
      what: 'the draft of such a version',
      issueIds: ['file.once_live'],
      async provoke(world) {
        await world.run();
        await deleteAll(world);
        await world.run({ artifacts: world.filesOf(MAC), draft: true });
        return { artifacts: [await writeArtifact(world.folder, LINUX)] };
      },
    },
  ],
  too_large: [
    {
      what: 'a file that is larger than the server takes',
      issueIds: ['file.too_large'],
      provoke: async ({ folder }) => ({
        artifacts: [await writeArtifact(folder, LINUX, 's', Buffer.alloc(MAX_ARTIFACT_SIZE + 1))],
      }),
    },
    {
      what: 'notes that are longer than a request may be',
      issueIds: ['release.notes_too_long'],
      provoke: async () => ({ notes: 'a'.repeat(64 * 1024) }),
    },
  ],
  slug_taken: 'which app has a slug, the API does not say; nothing is written before it',
  slug_reserved: 'options are checked for it (cli/options/remote-options)',
  wrong_signing_key: 'each file is sent with a signature of the key that the release names',
  would_strand: 'it depends on all releases, and is decided when one goes live',
  content_mismatch: 'the signature is checked against the key that the command has',
  incomplete: 'a draft may change until it goes live (finish-release.test.ts)',
  signature_required: 'each file is sent with its signature',
  precondition_failed: 'only a rollback meets it',
  outdated_manifest: 'only a promotion meets it',
  not_published: 'only a change of the status meets it',
  not_found: 'only what is deleted in between meets it',
  not_uploaded: 'only sent after the upload',
  url_refused: 'only what has expired in between meets it',
  method_not_allowed: 'each route is called with its method',
  upload_in_progress: 'each attempt asks for a URL of its own',
  length_required: 'each upload has a length',
  unsupported_media_type: 'each body is JSON',
  range_not_satisfiable: 'only downloads meet it',
  file_lost: 'only downloads meet it',
  too_many_requests: 'tried again',
  request_timeout: 'tried again',
  expectation_failed: 'no request expects anything',
  headers_too_large: 'the headers of --header are short',
  internal: 'tried again',
  unavailable: 'tried again',
  limit_reached: 'how much the app may have, and has, the API does not say',
  insufficient_storage: 'how much room there is, the API does not say',
};

async function deleteAll(world: PublishWorld): Promise<void> {
  const { client } = world.connect().publisher;
  for (const { id } of await world.releases()) await client.deleteRelease(world.app.id, id);
}

const startWorld = () =>
  startPublishWorld([LINUX, MAC], (dataDir) =>
    openTestServer(dataDir, { maxArtifactSize: MAX_ARTIFACT_SIZE }),
  );

describe('field 3: what the server would refuse is found before the first write', () => {
  const foreseen = Object.entries(REFUSALS).flatMap(([code, cases]) =>
    typeof cases === 'string' ? [] : cases.map((each) => ({ code, ...each })),
  );

  test.each(foreseen)('$code: $what', async ({ issueIds, provoke }) => {
    const world = await startWorld();
    const { token, ...fields } = await provoke(world);
    const before = await world.releases();
    for (const dryRun of [true, false]) {
      const { outcome, transport } = await world.run({ ...fields, dryRun }, world.connect(token));
      expect(outcome).toBeInstanceOf(Error);
      expect(outcome).toMatchObject({ issueIds });
      expect(transport.writes).toEqual([]);
    }
    expect(await world.releases()).toEqual(before);
  });

  test('a slug of another app is refused before anything else is written', async () => {
    const world = await startWorld();
    await world.server.createApp({ slug: 'my-app' });
    const { outcome, transport } = await world.run();
    expect(outcome).toMatchObject({ code: 'conflict', status: 409 });
    expect(transport.writes).toEqual([expect.stringMatching(/^PUT .*\/slug$/)]);
    expect(await world.releases()).toEqual([]);
  });

  test('every problem that the API has is in the table', () => {
    expect(Object.keys(REFUSALS).sort()).toEqual(Object.keys(PROBLEM_STATUS).sort());
  });

  test('several are reported together, each in its place', async () => {
    const world = await startWorld();
    await world.run({ artifacts: world.filesOf(LINUX) });
    const artifacts = [
      await writeArtifact(world.folder, LINUX),
      await writeArtifact(world.folder, MAC, 's', Buffer.alloc(MAX_ARTIFACT_SIZE + 1)),
    ];
    for (let round = 0; round < 3; round++) {
      const { outcome } = await world.run({ artifacts, version: '1.2.0+7' });
      expect(outcome).toMatchObject({ issueIds: ['release.exists', 'file.other_bytes', 'file.too_large'] });
    }
  });

  test('a file that the server has is not refused for its size', async () => {
    const world = await startPublishWorld([LINUX]);
    await world.run();
    const capabilities = world.connect();
    capabilities.publisher.client.capabilities = async () => {
      const { extensions } = (await world.connect().publisher.client.capabilities()) ?? { extensions: [] };
      return { name: 'synckit-ota', version: '1', extensions, limits: { artifact_size: 10 } };
    };
    expect((await world.run({}, capabilities)).outcome).toMatchObject({ status: 'unchanged' });
  });
});

describe('field 3: large files are not hashed to the end', () => {
  const LARGE = 128 * 1024 * 1024;

  /** Two files of nothing but zeros, which take no room, and half a second each to hash. */
  async function startWithLargeFiles() {
    const world = await startWorld();
    const artifacts = await Promise.all(
      [LINUX, MAC].map(async (platform) => {
        const artifact = await writeArtifact(world.folder, platform);
        await truncate(artifact.file, LARGE);
        return artifact;
      }),
    );
    return { world, artifacts };
  }
  const hashed = (events: readonly { type: string }[]) =>
    events.filter(({ type }) => type === 'hashing').length;

  test.each<[string, Foreseen['provoke'], unknown]>([
    ['if the token is wrong', async () => ({ token: 'wrong' }), { code: 'unauthorized', issueIds: [] }],
    [
      'if they are too large for the server',
      async () => ({}),
      { code: 'preflight_refused', issueIds: ['file.too_large', 'file.too_large'] },
    ],
  ])('%s', async (_, provoke, expected) => {
    const { world, artifacts } = await startWithLargeFiles();
    const { token, ...fields } = await provoke(world);
    const { outcome, publisher, transport } = await world.run({ artifacts, ...fields }, world.connect(token));
    expect(outcome).toMatchObject(expected as object);
    expect(hashed(publisher.events)).toBe(1);
    expect(transport.writes).toEqual([]);
  });

  test('and what is known without hashes is reported with the refusal', async () => {
    const { world, artifacts } = await startWithLargeFiles();
    const missing = { ...MAC, bundleType: 'app', file: join(world.folder, 'missing.app.tar.gz') } as const;
    const { outcome } = await world.run({ artifacts: [...artifacts, missing], version: '1.2.0-rc.1' });
    expect(outcome).toMatchObject({
      code: 'usage',
      issueIds: ['release.prerelease', 'file.missing', 'file.too_large', 'file.too_large'],
    });
  });

  test('small ones are, so that all issues are reported together', async () => {
    const world = await startWorld();
    const artifacts = [await writeArtifact(world.folder, LINUX, 's', Buffer.alloc(MAX_ARTIFACT_SIZE + 1))];
    const unreadable = join(world.folder, 'cut.app.tar.gz');
    await (await open(unreadable, 'w')).close();
    const { outcome, publisher } = await world.run({
      artifacts: [...artifacts, { ...MAC, file: unreadable }],
    });
    expect(outcome).toMatchObject({ issueIds: ['file.empty', 'file.too_large'] });
    expect(hashed(publisher.events)).toBe(1);
  });
});
