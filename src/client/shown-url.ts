/**
 * A URL without user, password, query and fragment, as a message may show it. Undefined where it is not understood: an
 * `@` after the host belongs to a password that was not percent-encoded, and so is what looks like a host or a path.
 */
export function shownUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { origin, protocol, host, pathname, search, hash } = new URL(text);
  if (`${pathname}${search}${hash}`.includes('@')) return undefined;
  const base = origin === 'null' ? `${protocol}//${host}` : origin;
  return host === '' ? undefined : base + pathname;
}

/** A host without a scheme, as people type it. */
const BARE_HOST = /^[a-z\d-]+(\.[a-z\d-]+)+(\/[\w./-]*)?$/i;

/** An option with the URL that it was given, for messages. */
export function withShownUrl(option: string, text: string): string {
  const shown = BARE_HOST.test(text) ? text : shownUrl(text);
  if (shown === undefined) return option;
  return `${option} ${shown === `${text}/` ? text : shown}`;
}
