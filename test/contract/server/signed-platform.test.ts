import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { signFile } from '../../../src/protocol/minisign-signer.ts';
import { type Platform, parsePlatform, platformOf } from '../../../src/protocol/platform.ts';
import { appImage } from '../../support/process/executables.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { Publisher, startServer } from '../../support/publish/publisher.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { NEVER, startS3Server } from '../../support/s3/s3-server.ts';
import { generateKeyInProcess } from '../../support/tauri/in-process-signer.ts';

const KEY = generateKeyInProcess();
/** Larger than the part that is examined. */
const APP_IMAGE = Buffer.concat([appImage('x86_64'), Buffer.alloc(100_000)]);

function sign(bytes: Buffer, fileName: string): string {
  const blake2b512 = createHash('blake2b512').update(bytes).digest();
  return signFile(KEY.pair, { blake2b512, fileName, version: '1.2.0' }, new Date());
}

describe.each([
  ['a disk', () => startServer()],
  ['a bucket', async () => startS3Server(await tempFolder(), await fakeS3Place(), { pollSchedule: NEVER })],
])('attack M13: a file signed for one platform, uploaded for another, with its files on %s', (_, start) => {
  async function upload(name: string, bytes: Buffer, signature: string, pubkey?: string) {
    const platform = parsePlatform(name) as Platform;
    const app = await Publisher.on(await start(), pubkey === undefined ? {} : { pubkey });
    const releaseId = await app.createRelease('1.2.0');
    const { bundleType: bundle_type, target, arch } = platform;
    const fields = { signature, sha256: createHash('sha256').update(bytes).digest('hex'), bundle_type };
    const url = await app.requestUpload(releaseId, bytes.length, platformOf({ target, arch }), fields);
    return { app, reply: await app.upload(releaseId, url, bytes) };
  }

  test.each([
    ['its bytes are those of another kind', 'windows-aarch64-msi', 'update.bin'],
    ['its bytes are those of another arch', 'linux-aarch64', 'update.bin'],
  ])('is refused: %s', async (_what, platform, signedName) => {
    const { app, reply } = await upload(platform, APP_IMAGE, sign(APP_IMAGE, signedName), KEY.publicKey);
    expect(reply.statusCode).toBe(422);
    expect(reply.json()).toMatchObject({ code: 'content_mismatch', errors: [{ field: 'target' }] });
    expect(await app.offered()).toBeUndefined();
  });

  test('is refused: it was signed under the name of another kind', async () => {
    const bytes = Buffer.from('bytes of an unknown kind');
    const signature = sign(bytes, 'App_1.2.0_amd64.AppImage');
    const { reply } = await upload('windows-x86_64-nsis', bytes, signature, KEY.publicKey);
    expect(reply.json()).toMatchObject({ code: 'content_mismatch', errors: [{ field: 'target' }] });
  });

  test.each(['linux-x86_64', 'linux-x86_64-appimage'])('is accepted for its own: %s', async (platform) => {
    const signature = sign(APP_IMAGE, 'App_1.2.0_amd64.AppImage');
    expect((await upload(platform, APP_IMAGE, signature, KEY.publicKey)).reply.statusCode).toBe(200);
  });

  test('is not examined for an app without a key', async () => {
    expect((await upload('windows-x86_64', APP_IMAGE, 'any signature')).reply.statusCode).toBe(200);
  });
});
