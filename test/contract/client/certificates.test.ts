import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Retry } from '../../../src/client/retry.ts';
import { UndiciTransport } from '../../../src/client/transport/transport.ts';
import { makeCertificate } from '../../support/network/certificates.ts';
import { startForwardProxy } from '../../support/network/forward-proxy.ts';
import { listenRaw, listenUntilFinished } from '../../support/network/loopback-server.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';

async function portOf(server: http.Server | https.Server): Promise<string> {
  return (await listenUntilFinished(server)).port;
}

const answer: http.RequestListener = (_, response) => void response.end('ok');

/** Asks with retries. @returns the error, and how often was asked */
async function refusal(url: string, transport = new UndiciTransport()) {
  onTestFinished(() => transport.close());
  let attempts = 0;
  const retry = new Retry({ sleep: async () => {} });
  const asked = retry.run(() => {
    attempts += 1;
    return transport.send({ method: 'GET', url: new URL(url), headers: {}, idleTimeoutMs: 10_000 });
  });
  const error = await asked.then(
    () => undefined,
    (reason) => reason,
  );
  return { error, attempts };
}

describe.skipIf(!isInstalled('openssl'))('(needs openssl) field 5: a certificate', () => {
  test.each([
    ['that is self-signed', {}, 'self-signed', 'NODE_EXTRA_CA_CERTS'],
    ['that has expired', { valid: ['20200101000000Z', '20210101000000Z'] as const }, 'expired', 'clock'],
    [
      'that is not valid yet',
      { valid: ['20900101000000Z', '20910101000000Z'] as const },
      'not valid yet',
      'clock',
    ],
  ])('%s is named, and not tried again', async (_, options, fault, hint) => {
    const port = await portOf(
      https.createServer(makeCertificate(join(await tempFolder(), 'a'), options), answer),
    );
    const { error, attempts } = await refusal(`https://localhost:${port}`);
    expect(attempts).toBe(1);
    expect(error).toMatchObject({ code: 'usage', retryable: false });
    expect(error.message).toContain(`https://localhost:${port} has a certificate that is not trusted`);
    expect(error.message).toContain(fault);
    expect(error.hint).toContain(hint);
  });

  test('behind a tunnel is named like any other, with the proxy', async () => {
    const port = await portOf(https.createServer(makeCertificate(join(await tempFolder(), 'a')), answer));
    const proxy = await startForwardProxy();
    proxy.hosts.set('updates.example', port);
    const transport = new UndiciTransport({ https: proxy.url, bypass: [] });
    const { error, attempts } = await refusal('https://updates.example', transport);
    expect([attempts, error.code]).toEqual([1, 'usage']);
    expect(error.message).toMatch(/^https:\/\/updates\.example, through the proxy .*, has a certificate/);
  });

  test('of a proxy is named as its', async () => {
    const { port } = await listenUntilFinished(
      https.createServer(makeCertificate(join(await tempFolder(), 'a')), answer),
    );
    const transport = new UndiciTransport({ https: new URL(`https://localhost:${port}`), bypass: [] });
    const { error, attempts } = await refusal('https://updates.example', transport);
    expect([attempts, error.code]).toEqual([1, 'usage']);
    expect(error.message).toMatch(
      /the proxy https:\/\/localhost:\d+.* has a certificate that is not trusted/,
    );
  });

  test('of a server that speaks only old versions of TLS is not the reason', async () => {
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    const certificate = makeCertificate(join(await tempFolder(), 'a'));
    const port = await portOf(https.createServer({ ...certificate, ...old }, answer));
    const { error, attempts } = await refusal(`https://localhost:${port}`);
    expect([attempts, error.code]).toEqual([1, 'usage']);
    expect(error.message).toContain('no version or cipher of TLS in common');
  });
});

describe('field 5: https where no TLS is spoken', () => {
  test.each([
    ['an http server', async () => portOf(http.createServer(answer))],
    ['another protocol', async () => (await listenRaw((socket) => socket.end('SSH-2.0-server\r\n'))).port],
  ])('is named for %s, without what OpenSSL prints', async (_, start) => {
    const { error, attempts } = await refusal(`https://localhost:${await start()}`);
    expect([attempts, error.code]).toEqual([1, 'usage']);
    expect(error.message).toMatch(/^https:\/\/localhost:\d+ does not speak TLS at this port$/);
    expect(error.hint).toContain('http://');
  });
});
