import type {
  RolloutSetting,
  WebhookData,
  WebhookFormat,
  WebhookMessage,
} from '../../protocol/webhook/webhook-message.ts';

/** Of a message at Discord; more than that is refused. */
const MAX_TEXT = 2000;

/** The body of a request: the message itself, or as a chat takes it, in which nothing of it is a command. */
export function bodyOf(message: WebhookMessage, format: WebhookFormat): string {
  switch (format) {
    case 'json':
      return JSON.stringify(message);
    case 'slack':
      return JSON.stringify({ text: textOf(message, escapeForSlack), unfurl_links: false });
    case 'discord':
      return JSON.stringify({
        content: textOf(message, escapeForDiscord).slice(0, MAX_TEXT),
        allowed_mentions: { parse: [] },
      });
  }
}

/** What is between `<` and `>` is a link or a mention; an entity stands for itself. */
function escapeForSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function escapeForDiscord(text: string): string {
  return text.replace(/[\\*_~`|<>#()[\]-]/g, '\\$&');
}

function textOf({ type, data }: WebhookMessage, escapeText: (text: string) => string): string {
  const { app, by, reason, trouble, url } = data;
  const why = reason === undefined || trouble !== undefined ? '' : `: ${oneLine(reason)}`;
  const who = by === undefined ? '' : ` (by ${by.kind === 'server' ? 'the server' : nameOf(by)})`;
  const about = app === undefined || trouble !== undefined ? '' : `${app.slug ?? app.name} `;
  const link = url === undefined ? '' : `\n${url}`;
  return escapeText(oneLine(`${about}${eventInWords(type, data)}${why}${who}`)) + link;
}

/** A line break would start what looks like a message of its own. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function nameOf({ kind, name, id }: NonNullable<WebhookData['by']>): string {
  return `${kind} ${name ?? id ?? ''}`.trim();
}

function eventInWords(type: WebhookMessage['type'], { app, release, changes, trouble }: WebhookData): string {
  const version = release?.version ?? 'a release';
  switch (type) {
    case 'release.published':
      return `${version} was published to ${release?.channel ?? 'a channel'}${offeredTo(release?.rollout)}`;
    case 'release.paused':
      return `${version} was paused`;
    case 'release.resumed':
      return `${version} was resumed`;
    case 'release.yanked':
      return `${version} was yanked${changes?.rolled_back?.after ? ', and apps may go back' : ''}`;
    case 'release.restored':
      return `${version} was restored`;
    case 'release.rollout_changed':
      return `${version} has another rollout${offeredTo(release?.rollout) || ': everyone'}`;
    case 'release.promoted':
      return `${version} was promoted from ${changes?.channel?.before ?? 'a channel'} to ${release?.channel ?? 'another'}`;
    case 'store.trouble':
      return `${trouble?.state === 'ended' ? 'No trouble any more' : 'Trouble'} with the store${app === undefined ? '' : ` (${app.slug ?? app.name})`}: ${trouble?.detail ?? ''}`;
    case 'webhook.test':
      return 'This is a test of the webhook';
  }
}

function offeredTo(rollout: RolloutSetting | null | undefined): string {
  if (!rollout) return '';
  const { percent, at, over } = rollout;
  const days = over === undefined ? '' : ` over ${Math.round(over / 360) / 10} hours`;
  return `: ${percent} %${days}${at === undefined ? '' : ` from ${at}`}`;
}
