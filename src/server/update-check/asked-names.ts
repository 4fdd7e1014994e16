import type { UpdateResponse } from '../../protocol/messages.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import type { AskedNames } from '../http/lenient-names.ts';
import { type Offer, offerOf } from './resolve-offers.ts';

/**
 * An offer that lists its files under the words of the app too (`macos`, `windows-x64`, `Linux`): where an app's code
 * sets the target, Tauri's updater looks up exactly that, as it sent it.
 */
export function withAskedNames(offer: Offer, platform: Platform, asked: AskedNames): Offer {
  if (asked.target === platform.target && asked.arch === platform.arch) return offer;
  const response: UpdateResponse = JSON.parse(offer.body);
  if (response.platforms === undefined) return offer;
  const { target, arch } = asked;
  // A target that is a whole platform needs no arch beside it.
  const whole = target.includes('-') ? target : `${target}-${arch}`;
  const { length } = platformName(platform);
  const entries = Object.entries(response.platforms);
  const renamed = entries.map(
    ([name, file]) => [name === platform.target ? target : whole + name.slice(length), file] as const,
  );
  return offerOf({ ...response, platforms: Object.fromEntries([...entries, ...renamed]) });
}
