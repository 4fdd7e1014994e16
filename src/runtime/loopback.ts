export function isLoopback({ hostname }: URL): boolean {
  return /^((.+\.)?localhost\.?|127(\.\d+){3}|\[::1\]|\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\])$/.test(
    hostname,
  );
}

/** Whether no other machine can use a URL: it is on loopback, or on an address that is only for listening. */
export function isOnlyLocal(url: URL): boolean {
  return isLoopback(url) || /^(0\.0\.0\.0|\[::\])$/.test(url.hostname);
}
