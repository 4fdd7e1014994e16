import { describe, expect, test } from 'vitest';
import type {
  ReportedRelease,
  WebhookData,
  WebhookMessage,
} from '../../../../src/protocol/webhook/webhook-message.ts';
import { bodyOf } from '../../../../src/server/webhooks/message-body.ts';

const RELEASE: ReportedRelease = {
  ...{ id: 'r', version: '1.2.0', channel: 'beta', status: 'published', paused: false, rollout: null },
};
const APP = { id: 'a', name: 'My App', slug: 'my-app' };

function message(type: WebhookMessage['type'], data: WebhookData): WebhookMessage {
  return { version: 1, id: 'msg_1', type, timestamp: '2026-03-13T12:00:00Z', data };
}

const slack = (type: WebhookMessage['type'], data: WebhookData) =>
  JSON.parse(bodyOf(message(type, data), 'slack')).text;

describe('the body of a message', () => {
  test('is the message itself for programs', () => {
    const published = message('release.published', { app: APP, release: RELEASE });
    expect(JSON.parse(bodyOf(published, 'json'))).toEqual(published);
  });

  test.each<[WebhookMessage['type'], WebhookData, string]>([
    [
      'release.published',
      { app: APP, release: { ...RELEASE, rollout: { percent: 100, from: 5, over: 259_200 } } },
      'my-app 1.2.0 was published to beta: 100 % over 72 hours',
    ],
    [
      'release.paused',
      { app: APP, release: RELEASE, by: { kind: 'server', id: null, name: null }, reason: 'it fails' },
      'my-app 1.2.0 was paused: it fails (by the server)',
    ],
    [
      'release.resumed',
      {
        app: APP,
        release: RELEASE,
        by: { kind: 'operator', id: null, name: 'ada' },
        url: 'https://u.example/a',
      },
      'my-app 1.2.0 was resumed (by operator ada)\nhttps://u.example/a',
    ],
    [
      'release.yanked',
      { app: APP, release: RELEASE, changes: { rolled_back: { before: false, after: true } } },
      'my-app 1.2.0 was yanked, and apps may go back',
    ],
    ['release.restored', { app: { ...APP, slug: null }, release: RELEASE }, 'My App 1.2.0 was restored'],
    ['release.rollout_changed', { app: APP, release: RELEASE }, 'my-app 1.2.0 has another rollout: everyone'],
    [
      'release.promoted',
      {
        app: APP,
        release: { ...RELEASE, channel: 'stable' },
        changes: { channel: { before: 'beta', after: 'stable' } },
      },
      'my-app 1.2.0 was promoted from beta to stable',
    ],
    [
      'store.trouble',
      { trouble: { kind: 'disk_full', state: 'began', detail: 'the disk is full' } },
      'Trouble with the store: the disk is full',
    ],
    [
      'store.trouble',
      { trouble: { kind: 'disk_full', state: 'ended', detail: 'the disk has space again' } },
      'No trouble any more with the store: the disk has space again',
    ],
    [
      'store.trouble',
      {
        app: APP,
        trouble: { kind: 'file_lost', state: 'began', detail: 'files are lost: 1.0.0 linux-x86_64' },
      },
      'Trouble with the store (my-app): files are lost: 1.0.0 linux-x86_64',
    ],
    ['webhook.test', {}, 'This is a test of the webhook'],
  ])('says %s to people', (type, data, text) => {
    expect(slack(type, data)).toBe(text);
  });

  test('attack: has no mention, link or line of somebody else in it', () => {
    const evil = '<!channel> <https://evil.example|click> @everyone\n*[x](https://evil.example)* &amp;';
    const by = { kind: 'token', id: 't', name: evil };
    expect(slack('release.yanked', { app: APP, release: RELEASE, by })).toBe(
      'my-app 1.2.0 was yanked (by token &lt;!channel&gt; &lt;https://evil.example|click&gt; @everyone *[x](https://evil.example)* &amp;amp;)',
    );
    const discord = JSON.parse(
      bodyOf(message('release.yanked', { app: APP, release: RELEASE, by }), 'discord'),
    );
    expect(discord.allowed_mentions).toEqual({ parse: [] });
    expect(discord.content).not.toMatch(/\n|(?<!\\)[[\]<>*]/);
    const long = { ...by, name: 'x'.repeat(5000) };
    const body = bodyOf(message('release.yanked', { app: APP, release: RELEASE, by: long }), 'discord');
    expect(JSON.parse(body).content.length).toBeLessThanOrEqual(2000);
  });
});
