import { namesPlatform, type Platform, platformName } from '../../protocol/platform.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import type { Traffic } from '../../server/traffic.ts';

/** What the server offers. */
export interface Offered {
  readonly version: string;
  readonly platforms: readonly Platform[];
}

/** One line for a check or a download: its outcome, and the reason. */
export function describeTraffic(traffic: Traffic, offered: Offered): string {
  switch (traffic.type) {
    case 'check': {
      const { platform, currentVersion } = traffic;
      return `check by ${platformName(platform)} at ${currentVersion}: ${outcome(traffic, offered)}`;
    }
    case 'download': {
      const { fileName, size, complete } = traffic;
      return `download of ${fileName} (${formatBytes(size)}): ${complete ? 'complete' : 'interrupted'}`;
    }
    case 'refused':
      return `${traffic.method} ${traffic.path}: refused with ${traffic.status}. ${traffic.reason}`;
  }
}

function outcome(check: Traffic & { readonly type: 'check' }, { version, platforms }: Offered): string {
  if (check.offered !== undefined) return `offered ${check.offered}`;
  const name = platformName(check.platform);
  if (!platforms.some((platform) => namesPlatform(name, platform))) {
    return `no update, because nothing was built for ${name}`;
  }
  return `no update, because ${version} is not newer`;
}
