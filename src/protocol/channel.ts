/** A check may name its channel in this header too: an app can set it from JavaScript. */
export const CHANNEL_HEADER = 'x-ota-channel';

/** The channel that everyone gets. */
export const STABLE = 'stable';

export const CHANNEL_PATTERN = '^[a-z0-9][a-z0-9-]{0,39}$';

/** The rule in words, for messages. */
export const CHANNEL_RULE =
  '1 to 40 lowercase letters, digits and hyphens, beginning with a letter or digit' as const;

const CHANNEL = new RegExp(CHANNEL_PATTERN);

export function isChannel(text: string): boolean {
  return CHANNEL.test(text);
}
