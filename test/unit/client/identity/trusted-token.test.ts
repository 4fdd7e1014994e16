import { HttpResponse, http } from 'msw';
import { describe, expect, test } from 'vitest';
import {
  GivenIdentities,
  type IdentitySource,
  RunnerIdentities,
} from '../../../../src/client/identity/identity-source.ts';
import { TrustedToken } from '../../../../src/client/identity/trusted-token.ts';
import { OtaClient } from '../../../../src/client/ota-client.ts';
import { inOrder, ScriptedTransport } from '../../../support/network/scripted-transport.ts';

const SERVER = new URL('https://updates.example.com/ota');
const EXCHANGE = `${SERVER.href}/api/sync/ota/apps/a1/oidc/exchange`;
const RUNNER = { url: 'https://runner.example/idtoken?api-version=2.0', token: 'runner-secret' };

function exchanged(token: string, seconds = 900) {
  return () => HttpResponse.json({ token, expires_in: seconds });
}

function refused(code: string, status = 403) {
  return () =>
    HttpResponse.json(
      { code, detail: 'no' },
      { status, headers: { 'content-type': 'application/problem+json' } },
    );
}

function trustedToken(
  transport: ScriptedTransport,
  identities: IdentitySource = new GivenIdentities(['i1', 'i2']),
) {
  const secrets: string[] = [];
  let now = 0;
  const trusted = new TrustedToken({
    client: new OtaClient({ server: SERVER, transport }),
    appId: 'a1',
    audience: SERVER.origin,
    identities,
    onSecret: (secret) => secrets.push(secret),
    now: () => now,
  });
  return { trusted, secrets, pass: (minutes: number) => (now += minutes * 60_000) };
}

const sentIdentities = (transport: ScriptedTransport) =>
  transport
    .bodiesOf('POST', '/oidc/exchange')
    .map((body) => (body as { identity_token: string }).identity_token);

describe('a token for the identity of a job', () => {
  test('is got once for many requests, and is a secret like the identity', async () => {
    const transport = new ScriptedTransport(http.post(EXCHANGE, inOrder(exchanged('t1'))));
    const { trusted, secrets } = trustedToken(transport);
    expect(await Promise.all([trusted.get(), trusted.get()])).toEqual(['t1', 't1']);
    expect(await trusted.get()).toBe('t1');
    expect(secrets).toEqual(['i1', 't1']);
    expect(transport.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  test('is replaced before it expires', async () => {
    const transport = new ScriptedTransport(http.post(EXCHANGE, inOrder(exchanged('t1'), exchanged('t2'))));
    const { trusted, pass } = trustedToken(transport);
    expect(await trusted.get()).toBe('t1');
    pass(12.9);
    expect(await trusted.get()).toBe('t1');
    pass(0.2);
    expect(await trusted.get()).toBe('t2');
    expect(sentIdentities(transport)).toEqual(['i1', 'i2']);
  });

  test('that is short-lived is used for half of its time at least', async () => {
    const transport = new ScriptedTransport(
      http.post(EXCHANGE, inOrder(exchanged('t1', 60), exchanged('t2', 60))),
    );
    const { trusted, pass } = trustedToken(transport);
    expect(await trusted.get()).toBe('t1');
    pass(0.4);
    expect(await trusted.get()).toBe('t1');
    pass(0.2);
    expect(await trusted.get()).toBe('t2');
  });

  test('is got with the next identity token, where an earlier command has used the first', async () => {
    const transport = new ScriptedTransport(
      http.post(EXCHANGE, inOrder(refused('identity_used'), exchanged('t1'))),
    );
    const { trusted } = trustedToken(transport);
    expect(await trusted.get()).toBe('t1');
    expect(sentIdentities(transport)).toEqual(['i1', 'i2']);
  });

  test('is not got when all were used: the refusal says what to do', async () => {
    const transport = new ScriptedTransport(http.post(EXCHANGE, refused('identity_used')));
    const { trusted } = trustedToken(transport);
    await expect(trusted.get()).rejects.toMatchObject({
      code: 'unauthorized',
      status: 403,
      hint: expect.stringContaining('SYNCKIT_OTA_ID_TOKEN_2'),
    });
    await expect(trusted.get()).rejects.toMatchObject({ code: 'unauthorized' });
  });

  test('is asked for again after trouble that passes, with another identity token', async () => {
    const transport = new ScriptedTransport(
      http.post(EXCHANGE, inOrder(refused('issuer_unavailable', 503), exchanged('t1'))),
    );
    const { trusted } = trustedToken(transport);
    await expect(trusted.get()).rejects.toMatchObject({ code: 'network' });
    expect(await trusted.get()).toBe('t1');
    expect(sentIdentities(transport)).toEqual(['i1', 'i2']);
  });

  test('is not got from a server without trusted publishing', async () => {
    const transport = new ScriptedTransport(
      http.post(EXCHANGE, () => HttpResponse.json({ error: 'not found' }, { status: 404 })),
      http.get(`${SERVER.href}/api/sync/ota`, () => HttpResponse.json({}, { status: 404 })),
    );
    await expect(trustedToken(transport).trusted.get()).rejects.toMatchObject({
      code: 'unauthorized',
      message: expect.stringContaining('no token given'),
    });
  });
});

describe('the runner', () => {
  test('is asked for an identity token with the audience, and with its own secret', async () => {
    const transport = new ScriptedTransport(
      http.get('https://runner.example/idtoken', () => HttpResponse.json({ value: 'jwt' })),
    );
    expect(await new RunnerIdentities(RUNNER, transport).next('https://updates.example.com')).toBe('jwt');
    const [request] = transport.requests;
    expect(request?.url.search).toBe('?api-version=2.0&audience=https%3A%2F%2Fupdates.example.com');
    expect(request?.headers.authorization).toBe('Bearer runner-secret');
  });

  test.each([
    [403, 'unauthorized'],
    [400, 'unauthorized'],
    [503, 'network'],
    [429, 'network'],
  ])('that refuses with %d is an error %s that does not show its secrets', async (status, code) => {
    const transport = new ScriptedTransport(
      http.get('https://runner.example/idtoken', () => HttpResponse.json({}, { status })),
    );
    const error = await new RunnerIdentities(RUNNER, transport).next('x').catch((thrown) => thrown);
    expect(error).toMatchObject({ code });
    expect(error.message + error.hint).not.toContain('runner-secret');
    expect(error.message).not.toContain('api-version');
  });

  test('that answers with something else is an error', async () => {
    const transport = new ScriptedTransport(
      http.get('https://runner.example/idtoken', () => HttpResponse.json({ value: '' })),
    );
    await expect(new RunnerIdentities(RUNNER, transport).next('x')).rejects.toMatchObject({
      code: 'unauthorized',
    });
  });
});
