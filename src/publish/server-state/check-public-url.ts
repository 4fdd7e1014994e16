import {
  correctiveOf,
  elsewhereWarning,
  placeOf,
  SET_PUBLIC_URL,
  unsafePlaceOf,
  unsafeReason,
} from '../../client/handed-out-url.ts';
import type { Issue } from '../../issue.ts';

/** What is known of where a server says that it is. */
export interface PublicUrl {
  /** Undefined where the server does not say. */
  readonly publicUrl: string | undefined;
  /** The server as it was reached. */
  readonly server: URL;
  /** Other origins at which its users reach it. */
  readonly origins: ReadonlySet<string>;
}

/** Whether installed apps can use the URLs that a server hands out, found out before the first write. */
export function checkPublicUrl({ publicUrl, server, origins }: PublicUrl): {
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
} {
  if (publicUrl === undefined || !URL.canParse(publicUrl)) return { issues: [], warnings: [] };
  const url = new URL(publicUrl);
  const unsafe = unsafePlaceOf(url, server);
  if (unsafe !== undefined) {
    const message = unsafeReason(unsafe, url, server);
    const code = 'preflight_refused';
    const hint = unsafe === 'only_local' ? SET_PUBLIC_URL : correctiveOf(unsafe);
    return { issues: [{ id: 'server.public_url', code, message, hint }], warnings: [] };
  }
  const isMeant =
    placeOf(url, server) === 'here' || (origins.has(url.origin) && url.origin !== server.origin);
  return { issues: [], warnings: isMeant ? [] : [elsewhereWarning(url, server)] };
}
