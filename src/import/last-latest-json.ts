import { OtaError } from '../errors.ts';
import type { LatestJsonResponse } from '../protocol/messages.ts';
import { signingKeyIdOf } from '../protocol/minisign.ts';
import { compareAsUpdater } from '../protocol/version.ts';
import type { LatestJson } from './latest-json.ts';

/**
 * Whether a `latest.json` leads every app over that reads another one at the old place.
 * @param next of the new server
 * @throws OtaError `preflight_refused` with everything that would lose an installed app
 */
export function requireLeadsOver(next: LatestJsonResponse, old: LatestJson): void {
  const lost = Object.entries(old.platforms).flatMap(([name, { signature }]) => {
    const file = next.platforms[name];
    if (file === undefined) return [`${name} has no file on the new server`];
    const [before, after] = [signingKeyIdOf(signature), signingKeyIdOf(file.signature)];
    return before === after
      ? []
      : [
          `${name} is signed with ${after ?? 'no minisign key'} there, and with ${before ?? 'none'} at the old place`,
        ];
  });
  const isOlder = compareAsUpdater(next.version, old.version) < 0;
  const items = [...lost, ...(isOlder ? [`${next.version} there is lower than ${old.version}`] : [])];
  if (items.length === 0) return;
  throw new OtaError(
    'preflight_refused',
    'the release on the new server does not lead all installed apps over',
    {
      items,
      hint: 'Publish a release there with the same key and all platforms first, then run this again.',
    },
  );
}
