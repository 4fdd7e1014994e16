import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { signFile } from '../../../src/protocol/minisign-signer.ts';
import type { Platform } from '../../../src/protocol/platform.ts';
import { finishRelease } from '../../../src/publish/finish-release.ts';
import type { LocalArtifact } from '../../../src/publish/inspect/local-artifact.ts';
import type { PublishRequest } from '../../../src/publish/publish.ts';
import { publishArtifact } from '../../../src/publish/publish-artifact.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { type PublishWorld, startPublishWorld } from '../../support/publish/publish-world.ts';
import { type TestKey, testKey } from '../../support/publish/routed-releases.ts';
import { DEB, LINUX, WINDOWS, writeArtifact } from '../../support/tauri/local-file.ts';

const [K, K2] = [testKey(), testKey()];

/** What a version is signed with, and what its build carries. */
interface Signing {
  readonly signed: TestKey;
  readonly carries: TestKey;
  readonly platforms?: readonly Platform[];
}

async function signedArtifact(
  { pair }: TestKey,
  version: string,
  platform: Platform,
): Promise<LocalArtifact> {
  const bytes = randomBytes(1000);
  const blake2b512 = createHash('blake2b512').update(bytes).digest();
  const signature = signFile(pair, { blake2b512, fileName: 'app', version }, new Date());
  return writeArtifact(await tempFolder(), platform, signature, bytes);
}

async function startWorld() {
  const world = await startPublishWorld([]);
  return {
    ...world,
    publishVersion: (version: string, signing: Signing, fields: Partial<PublishRequest> = {}) =>
      publishVersion(world, { version, ...fields }, signing),
  };
}

async function publishVersion(
  world: PublishWorld,
  fields: Partial<PublishRequest> & { readonly version: string },
  { signed, carries, platforms = [LINUX] }: Signing,
) {
  const artifacts = await Promise.all(
    platforms.map((platform) => signedArtifact(signed, fields.version, platform)),
  );
  const embeddedKey = carries.pair.publicKey;
  return (await world.run({ artifacts, embeddedKey, ...fields })).outcome;
}

const FIRST = { signed: K, carries: K };
const BRIDGE = { signed: K, carries: K2 };
const SECOND = { signed: K2, carries: K2 };

describe('field 1: on our server', () => {
  test('each version is verified as one that is offered it', async () => {
    const { publishVersion, connect, releases } = await startWorld();
    const kinds = [LINUX, DEB];
    await publishVersion('1.0.0', { ...FIRST, platforms: kinds });
    await publishVersion('1.1.0', { ...BRIDGE, platforms: kinds });
    const { status, artifacts } = await publishVersion('1.2.0', { ...SECOND, platforms: kinds });
    expect([status, artifacts.map(({ verified }: { verified: boolean }) => verified)]).toEqual([
      'published',
      [true, true],
    ]);
    const { client } = connect().publisher;
    const offer = await client.check({ ...LINUX, slug: 'my-app', currentVersion: '1.0.0' });
    expect(offer?.version).toBe('1.1.0');
    expect(await releases()).toMatchObject([
      { version: '1.2.0', signing_key_id: K2.id, embedded_pubkey: K2.text },
      { version: '1.1.0', signing_key_id: K.id, embedded_pubkey: K2.text },
      { version: '1.0.0', signing_key_id: K.id, embedded_pubkey: K.text },
    ]);
  });

  test('a release that no version is offered is verified by its own address', async () => {
    const { publishVersion } = await startWorld();
    await publishVersion('1.0.0', FIRST);
    const outcome = await publishVersion('1.1.0', SECOND, { allowStranding: true });
    expect(outcome).toMatchObject({ status: 'published', artifacts: [{ verified: true }] });
  });

  test('field 1: versions that were deleted count, as apps may still be on them', async () => {
    const world = await startWorld();
    await world.publishVersion('1.0.0', FIRST);
    await world.publishVersion('1.1.0', FIRST);
    const { client, appId } = world.connect().publisher;
    for (const { id } of await world.releases())
      await client.deleteRelease(appId, id, { allowStranding: true });
    const refused = await world.publishVersion('2.0.0', SECOND, { publicKey: K2.pair.publicKey });
    expect(refused).toMatchObject({ issueIds: ['release.would_strand'] });
    expect(await world.releases()).toEqual([]);
    expect(await world.publishVersion('2.0.0', BRIDGE)).toMatchObject({ status: 'published' });
    expect(await world.publishVersion('2.1.0', SECOND)).toMatchObject({
      status: 'published',
      artifacts: [{ verified: true }],
    });
  });

  test('field 1: a version that was deleted is not published with another key in its build', async () => {
    const world = await startWorld();
    await world.publishVersion('1.0.0', FIRST);
    const file = await signedArtifact(K, '1.1.0', LINUX);
    const again = (key: TestKey) =>
      world.publishVersion('1.1.0', BRIDGE, { artifacts: [file], embeddedKey: key.pair.publicKey });
    expect(await again(K2)).toMatchObject({ status: 'published' });
    const { client, appId } = world.connect().publisher;
    const [bridge] = await world.releases();
    await client.deleteRelease(appId, bridge?.id ?? '');
    expect(await again(K)).toMatchObject({ code: 'conflict', issueIds: ['release.other_keys'] });
    expect(await world.releases()).toHaveLength(1);
    expect(await again(K2)).toMatchObject({ status: 'published', artifacts: [{ verified: true }] });
  });

  test('field 1: a draft over a version that was deleted is not finished if it leaves its apps behind', async () => {
    const world = await startWorld();
    await world.publishVersion('1.0.0', FIRST);
    const { client, appId } = world.connect().publisher;
    await world.publishVersion('2.0.0', SECOND, { draft: true, publicKey: K2.pair.publicKey });
    for (const { id, version } of await world.releases())
      if (version === '1.0.0') await client.deleteRelease(appId, id);
    const finish = finishRelease(world.connect().publisher, { release: '2.0.0', concurrency: 1 });
    await expect(finish).rejects.toMatchObject({ issueIds: ['release.would_strand'] });
  });

  test('a draft that was created without keys gets them', async () => {
    const { publishVersion, connect, releases } = await startWorld();
    await publishVersion('1.0.0', FIRST);
    const { publisher } = connect();
    await publisher.client.createRelease(publisher.appId, { version: '1.1.0', draft: true });
    expect(await publishVersion('1.1.0', BRIDGE)).toMatchObject({ status: 'published' });
    expect((await releases())[0]).toMatchObject({ version: '1.1.0', embedded_pubkey: K2.text });
  });

  test('the job of a matrix that carries another key is refused', async () => {
    const { publishVersion } = await startWorld();
    await publishVersion('1.0.0', { ...FIRST, platforms: [LINUX, WINDOWS] });
    const expected = { expect: ['linux-x86_64', 'windows-x86_64'] };
    expect(await publishVersion('1.1.0', BRIDGE, expected)).toMatchObject({ status: 'draft' });
    const other = await publishVersion('1.1.0', { ...FIRST, platforms: [WINDOWS] }, expected);
    expect(other).toMatchObject({ code: 'conflict', issueIds: ['release.other_keys'] });
    const same = await publishVersion('1.1.0', { ...BRIDGE, platforms: [WINDOWS] }, expected);
    expect(same).toMatchObject({ status: 'published' });
  });

  test('a draft that would leave apps behind is not finished, unless that is allowed', async () => {
    const { publishVersion, connect, releases } = await startWorld();
    await publishVersion('1.0.0', FIRST);
    expect(await publishVersion('1.1.0', SECOND, { draft: true })).toMatchObject({ status: 'draft' });
    const finish = (allowStranding: boolean) =>
      finishRelease(connect().publisher, { release: '1.1.0', concurrency: 1, allowStranding });
    await expect(finish(false)).rejects.toMatchObject({ issueIds: ['release.would_strand'] });
    expect((await releases())[0]).toMatchObject({ version: '1.1.0', status: 'draft' });
    expect(await finish(true)).toMatchObject({ status: 'published', artifacts: [{ verified: true }] });
  });

  test('a platform that would leave apps behind is not added to a live release, unless that is allowed', async () => {
    const { publishVersion, connect } = await startWorld();
    await publishVersion('1.0.0', { ...FIRST, platforms: [LINUX, WINDOWS] });
    await publishVersion('1.1.0', BRIDGE);
    await publishVersion('1.2.0', SECOND);
    const file = await signedArtifact(K2, '1.2.0', WINDOWS);
    const addition = publishArtifact(connect().publisher, { ...WINDOWS, file: file.file, release: '1.2.0' });
    await expect(addition).rejects.toMatchObject({ issueIds: ['release.would_strand'] });
    const windows = { ...SECOND, platforms: [WINDOWS] };
    expect(await publishVersion('1.2.0', windows)).toMatchObject({ issueIds: ['release.would_strand'] });
    const allowed = await publishVersion('1.2.0', windows, { allowStranding: true });
    expect(allowed).toMatchObject({ status: 'published', artifacts: [{ verified: true }] });
  });
});
