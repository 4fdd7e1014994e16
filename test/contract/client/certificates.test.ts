import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { OtaClient } from '../../../src/client/ota-client.ts';
import { Retry } from '../../../src/client/retry.ts';
import { UndiciTransport } from '../../../src/client/transport/transport.ts';
import { makeCertificate } from '../../support/network/certificates.ts';
import { nginxIsInstalled, startNginxWith, startUntilFinished } from '../../support/network/example-proxy.ts';
import { startForwardProxy } from '../../support/network/forward-proxy.ts';
import { listenRaw, listenUntilFinished } from '../../support/network/loopback-server.ts';
import { freePorts } from '../../support/process/free-ports.ts';
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

describe.skipIf(!isInstalled('openssl'))('(needs openssl) field 12: http where TLS is spoken', () => {
  test('is named with the right scheme, and not tried again', async () => {
    const certificate = makeCertificate(join(await tempFolder(), 'a'));
    const port = await portOf(https.createServer(certificate, answer));
    const { error, attempts } = await refusal(`http://localhost:${port}`);
    expect([attempts, error.code]).toEqual([1, 'usage']);
    expect(error.hint).toContain(`https://localhost:${port}`);
  });

  test('is not assumed of a server that just ends connections', async () => {
    const { port } = await listenRaw((socket) => socket.once('data', () => socket.end()));
    const { error, attempts } = await refusal(`http://localhost:${port}`);
    expect([attempts, error.code]).toEqual([6, 'network']);
  });
});

/** openssl's own server, with these options. */
async function startTlsServer(...options: readonly string[]): Promise<string> {
  const folder = await tempFolder();
  makeCertificate(folder);
  const [port = 0] = await freePorts(1);
  const command = ['openssl', 's_server', '-accept', `127.0.0.1:${port}`, '-cert', join(folder, 'cert')];
  const more = ['-key', join(folder, 'key'), '-www', ...options];
  await startUntilFinished({
    folder,
    port,
    command: [...command, ...more],
    endsBy: 'TERM',
    readyOnceConnected: true,
  });
  return String(port);
}

/** nginx, with a certificate of its own. */
async function startTlsNginx(settings: string): Promise<string> {
  const folder = await tempFolder();
  makeCertificate(folder);
  const certificate = `ssl_certificate ${folder}/cert; ssl_certificate_key ${folder}/key;`;
  const { url } = await startNginxWith(
    (port) =>
      `server { listen 127.0.0.1:${port} ssl; ${certificate} ${settings.replaceAll('CA', `${folder}/cert`)} }`,
  );
  return url.port;
}

/** HAProxy, with a certificate of its own. */
async function startTlsHaproxy(): Promise<string> {
  const folder = await tempFolder();
  const { cert, key } = makeCertificate(folder);
  await writeFile(join(folder, 'pem'), Buffer.concat([cert, key]));
  const [port = 0] = await freePorts(1);
  const config = join(folder, 'haproxy.cfg');
  await writeFile(
    config,
    `
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:${port} ssl crt ${folder}/pem ca-file ${folder}/cert verify required
  http-request return status 200
`,
  );
  const command = ['haproxy', '-db', '-f', config];
  await startUntilFinished({ folder, port, command, endsBy: 'TERM', readyOnceConnected: true });
  return String(port);
}

/** Asks where the certificate is trusted, so that only what comes after it is the reason. */
async function refusalTrusting(url: string) {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  onTestFinished(() => void vi.unstubAllEnvs());
  return refusal(url);
}

describe.skipIf(!isInstalled('openssl'))('(needs openssl) field 12: a refusal of TLS', () => {
  const CLIENT = ['-Verify', '1', '-verify_return_error'];

  test.each([
    ['of a certificate of the client', CLIENT, /asks for a certificate of the client/],
    ['of one by TLS 1.2', [...CLIENT, '-tls1_2'], /asks for a certificate of the client/],
    ['of the version', ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], /no version or cipher of TLS in common/],
    ['of the ciphers', ['-tls1_2', '-cipher', 'NULL:@SECLEVEL=0'], /no version or cipher of TLS in common/],
  ])('for lack %s is named, and not tried again', async (_, options, message) => {
    const port = await startTlsServer(...options);
    const { error, attempts } = await refusalTrusting(`https://localhost:${port}`);
    expect([attempts, error.code, error.message]).toEqual([1, 'usage', expect.stringMatching(message)]);
    expect(error.message + error.hint).not.toMatch(/:error:|routines/);
  });

  test('is found by each of several requests at once', async () => {
    const port = await startTlsServer(...CLIENT);
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const transport = new UndiciTransport();
    const all = await Promise.all([1, 2, 3].map(() => refusal(`https://localhost:${port}`, transport)));
    vi.unstubAllEnvs();
    expect(all.map(({ error, attempts }) => [attempts, error.code])).toEqual(all.map(() => [1, 'usage']));
  });

  test.skipIf(!nginxIsInstalled)('(needs nginx) for a host name is named', async () => {
    const port = await startTlsNginx('ssl_reject_handshake on;');
    const { error, attempts } = await refusalTrusting(`https://localhost:${port}`);
    expect([attempts, error.code]).toEqual([1, 'usage']);
    expect(error.message).toContain('has no certificate for this host name');
  });

  test.skipIf(!isInstalled('haproxy'))(
    '(needs haproxy) for a certificate of the client is named',
    async () => {
      const { error, attempts } = await refusalTrusting(`https://localhost:${await startTlsHaproxy()}`);
      expect([attempts, error.code]).toEqual([1, 'usage']);
      expect(error.message).toContain('asks for a certificate of the client');
    },
  );

  test.skipIf(!nginxIsInstalled)(
    '(needs nginx) after the handshake, by a page, is named as nginx’s',
    async () => {
      const port = await startTlsNginx('ssl_client_certificate CA; ssl_verify_client on;');
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
      const transport = new UndiciTransport();
      onTestFinished(() => transport.close());
      const client = new OtaClient({ server: new URL(`https://localhost:${port}`), transport });
      const error = await client.listReleases('a1').catch((reason) => reason);
      vi.unstubAllEnvs();
      expect(error).toMatchObject({ code: 'not_the_api', inFront: true });
      expect(error.hint).toContain('certificate of the client');
    },
  );
});

describe('field 12: a port where no HTTP is spoken', () => {
  const BANNERS: readonly (readonly [string, string])[] = [
    ['SSH', 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n'],
    ['SMTP', '220 mail.example ESMTP Postfix\r\n'],
    ['FTP', '220 ProFTPD Server\r\n'],
    ['MySQL', 'J\0\0\0\n8.0.35\0'],
  ];

  test.each(BANNERS)('is named for %s, and not tried again', async (_, banner) => {
    const { port } = await listenRaw((socket) => void socket.write(banner));
    const { error, attempts } = await refusal(`http://localhost:${port}`);
    expect([attempts, error.code]).toEqual([1, 'usage']);
    expect(error.message).toBe(`http://localhost:${port} does not speak HTTP at this port`);
  });

  test('is named for Redis, which answers the request line as a command', async () => {
    const { port } = await listenRaw((socket) => {
      socket.once('data', () => socket.end("-ERR wrong number of arguments for 'get' command\r\n"));
    });
    const { error, attempts } = await refusal(`http://localhost:${port}`);
    expect([attempts, error.code]).toEqual([1, 'usage']);
  });

  test('is named also if nothing answered there at first', async () => {
    const [port = 0] = await freePorts(1);
    const transport = new UndiciTransport();
    const before = await refusal(`http://127.0.0.1:${port}`, transport);
    expect([before.attempts, before.error.code]).toEqual([6, 'network']);
    const server = net.createServer((socket) => void socket.write('SSH-2.0-server\r\n'));
    server.listen(port, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { error, attempts } = await refusal(`http://127.0.0.1:${port}`, transport);
    expect([attempts, error.code]).toEqual([1, 'usage']);
  });

  test('is named for a proxy', async () => {
    const { port } = await listenRaw((socket) => void socket.write('SSH-2.0-server\r\n'));
    for (const url of ['https://updates.example', 'http://updates.example']) {
      const proxy = new URL(`http://localhost:${port}`);
      const { error, attempts } = await refusal(
        url,
        new UndiciTransport({ https: proxy, http: proxy, bypass: [] }),
      );
      expect([attempts, error.code]).toEqual([1, 'usage']);
      expect(error.message).toContain(`the proxy http://localhost:${port} does not speak HTTP`);
    }
  });

  test('is not assumed of a server that has answered before', async () => {
    let connections = 0;
    const { port } = await listenRaw((socket) => {
      const isFirst = connections++ === 0;
      socket.once('data', () =>
        socket.end(
          isFirst ? 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n' : 'garbage\r\n',
        ),
      );
    });
    const transport = new UndiciTransport();
    await refusal(`http://localhost:${port}`, transport);
    const { error, attempts } = await refusal(`http://localhost:${port}`, transport);
    expect([attempts, error.code]).toEqual([6, 'network']);
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
