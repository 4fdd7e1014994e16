import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { generateWebhookSecret, signedHeaders } from '../../../../src/protocol/webhook/webhook-signature.ts';

test('a signature is the one that the specification has as its example', () => {
  const headers = signedHeaders('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestamp: 1614265330,
    body: '{"test": 2432232314}',
  });
  expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

test('another implementation accepts what is signed now, and nothing else', () => {
  const secret = generateWebhookSecret();
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const body = '{"a":"ä"}';
  const timestamp = Math.floor(Date.now() / 1000);
  const headers = { ...signedHeaders(secret, { id: 'msg_1', timestamp, body }) };
  const verifier = new Webhook(secret);
  expect(verifier.verify(body, headers)).toEqual({ a: 'ä' });
  expect(() => verifier.verify(`${body} `, headers)).toThrow();
  expect(() => new Webhook(generateWebhookSecret()).verify(body, headers)).toThrow();
});
