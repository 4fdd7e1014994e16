import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { signFile } from '../../../src/protocol/minisign-signer.ts';
import { listenHttp } from '../../support/network/loopback-server.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { generateKeyInProcess } from '../../support/tauri/in-process-signer.ts';
import { asLegacy, hashOf } from '../../support/tauri/legacy-signature.ts';

const KEY = generateKeyInProcess();
const APP = Buffer.from('the app, version 1.2.0');
const EVIL = Buffer.from('not the app');

function sign(bytes: Buffer, version?: string): string {
  const blake2b512 = createHash('blake2b512').update(bytes).digest();
  return signFile(KEY.pair, { blake2b512, fileName: 'app.bin', version }, new Date());
}

type Offer = (url: (file: string) => string) => object;

/** `check` against a server that answers whatever it likes, and serves these files. */
async function check(offer: Offer, files: Record<string, Buffer>, args: readonly string[] = []) {
  const server = await listenHttp((request, response) => {
    const path = request.url ?? '';
    const file = files[path.slice(1)];
    if (file !== undefined) response.end(file);
    else if (path === '/api/sync/ota') response.writeHead(404).end();
    else {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(offer((name) => new URL(name, server).href)));
    }
  });
  const where = ['--slug', 'my-app', '--target', 'linux', '--arch', 'x86_64', '--current-version', '1.1.0'];
  return ['check', '--server', server.href, ...where, ...args];
}

const WITH_KEY = ['--download', '--pubkey', KEY.publicKey];

describe('check trusts no server', () => {
  test.each(['0.5.0', '1.1.0', '1.1.0-rc.1'])('attack G07: an offer of %s is no update', async (version) => {
    const offer: Offer = (url) => ({ version, url: url('app'), signature: sign(APP, version) });
    const { code, stderr } = await runInProcess(await check(offer, { app: APP }, WITH_KEY));
    expect(code).toBe(6);
    expect(stderr).toContain(`${version} is not higher than 1.1.0`);
  });

  test('attack G08: what is verified is the file that Tauri takes, among the platforms', async () => {
    const good = sign(APP, '1.2.0');
    const offer: Offer = (url) => ({
      version: '1.2.0',
      url: url('app'),
      signature: good,
      platforms: { 'linux-x86_64': { url: url('evil'), signature: good } },
    });
    const { code, stderr } = await runInProcess(await check(offer, { app: APP, evil: EVIL }, WITH_KEY));
    expect(code).toBe(6);
    expect(stderr).toContain('belongs to a different file');
  });

  test('attack M3: a number that the updater cannot read is no version', async () => {
    const version = '18446744073709551616.0.0';
    const offer: Offer = (url) => ({ version, url: url('app'), signature: sign(APP) });
    const { code, stderr } = await runInProcess(await check(offer, { app: APP }, WITH_KEY));
    expect(code).toBe(8);
    expect(stderr).toContain('18446744073709551615');
  });

  test('attack M1: the legacy form of a signature does not verify', async () => {
    const signature = asLegacy(sign(APP));
    const offer: Offer = (url) => ({ version: '1.2.0', url: url('hash'), signature });
    const withKey = await runInProcess(await check(offer, { hash: hashOf(APP) }, WITH_KEY));
    expect(withKey.code).toBe(6);
    expect(withKey.stderr).toContain('legacy');
    const without = await runInProcess(await check(offer, { hash: hashOf(APP) }, ['--download']));
    expect(without.stderr).toContain('legacy');
  });

  describe('attack H4: a signature that names no version', () => {
    const offer: Offer = (url) => ({ version: '99.0.0', url: url('app'), signature: sign(APP) });

    test('is said to be valid, and bound to none', async () => {
      const { code, stdout } = await runInProcess(await check(offer, { app: APP }, WITH_KEY));
      expect(code).toBe(0);
      expect(stdout).toContain('valid, but not bound to a version');
      const { document } = await runJsonInProcess(await check(offer, { app: APP }, WITH_KEY));
      expect(document.download).toMatchObject({ signature_valid: true, signed_version: null });
    });

    test('fails the check with --require-signed-version', async () => {
      const args = [...WITH_KEY, '--require-signed-version'];
      expect((await runInProcess(await check(offer, { app: APP }, args))).code).toBe(6);
      const bound: Offer = (url) => ({ ...offer(url), signature: sign(APP, '99.0.0') });
      const { code, stdout } = await runInProcess(await check(bound, { app: APP }, args));
      expect([code, stdout]).toEqual([0, expect.stringContaining('The signature is valid.')]);
    });
  });

  test('attack L13: without a key it says that nothing was verified', async () => {
    const offer: Offer = (url) => ({ version: '1.2.0', url: url('evil'), signature: 'garbage' });
    const { code, stdout, stderr } = await runInProcess(await check(offer, { evil: EVIL }, ['--download']));
    expect(code).toBe(0);
    expect(stdout).toContain('Nothing was verified');
    expect(stderr).toContain('the signature is not base64');
  });

  test.each([[[]], [['--pubkey', '']]])('with --require-pubkey it fails without a key: %j', async (key) => {
    const args = ['--download', '--require-pubkey', ...key];
    const offer: Offer = () => ({});
    const { code, stderr } = await runInProcess(await check(offer, {}, args));
    expect([code, stderr]).toEqual([2, expect.stringContaining('--require-pubkey')]);
  });
});
