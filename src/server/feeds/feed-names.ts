import { isChannel, STABLE } from '../../protocol/channel.ts';
import { archCalled, targetCalled } from '../../protocol/other-names.ts';
import type { Arch, Target } from '../../protocol/platform.ts';

/** The updaters that there are feeds for. */
export type Updater = 'electron' | 'sparkle' | 'winsparkle' | 'velopack';

/** What a feed is about, by its name. */
export interface NamedFeed {
  readonly target: Target;
  /** Undefined where its name says none. */
  readonly arch: Arch | undefined;
  readonly channel: string;
}

/** What Node calls an arch, as electron-updater looks for it in names and URLs. */
const ELECTRON_ARCHS: Readonly<Record<Arch, string>> = {
  x86_64: 'x64',
  aarch64: 'arm64',
  i686: 'ia32',
  armv7: 'arm',
  riscv64: 'riscv64',
};
const ELECTRON_ARCH = `(?:${Object.values(ELECTRON_ARCHS).join('|')})`;
const CHANNEL_FILE = new RegExp(
  `^(?<channel>.+?)(?:-(?<arch>${ELECTRON_ARCH}))?(?:-mac|(?<linux>-linux)(?:-(?<suffix>${ELECTRON_ARCH}))?)?\\.yml$`,
);

/**
 * `latest.yml`, `beta-mac.yml`, `latest-linux-arm64.yml`: the channel, and what electron-updater puts behind it for its
 * system; on Windows and macOS an arch is one that the app has put into its channel (`latest-arm64`).
 */
export function parseChannelFile(name: string): NamedFeed | undefined {
  const groups = CHANNEL_FILE.exec(name)?.groups;
  if (groups === undefined) return undefined;
  const channel = groups.channel === 'latest' ? STABLE : (groups.channel ?? '');
  const word = groups.suffix ?? groups.arch;
  const arch = word === undefined ? undefined : archCalled(word);
  if (!isChannel(channel)) return undefined;
  if (groups.linux) return { channel, target: 'linux', arch: arch ?? 'x86_64' };
  return { channel, target: name.endsWith('-mac.yml') ? 'darwin' : 'windows', arch };
}

export function electronArch(arch: Arch): string {
  return ELECTRON_ARCHS[arch];
}

/** `releases.win.json`, `releases.osx-arm64-beta.json`: the system, and perhaps an arch and a channel of this server. */
export function parseReleasesFile(name: string): NamedFeed | undefined {
  const [, words = ''] = /^releases\.([a-z0-9-]+)\.json$/i.exec(name) ?? [];
  const [system = '', ...others] = words.toLowerCase().split('-');
  const target = targetCalled(system);
  const arch = archCalled(others[0] ?? '');
  const channel = others.slice(arch === undefined ? 0 : 1).join('-') || STABLE;
  return target !== undefined && isChannel(channel) ? { target, arch, channel } : undefined;
}

/** `appcast.xml`, `appcast-arm64.xml`; its arch, if it says one. Undefined for another name. */
export function parseAppcast(name: string): { readonly arch: Arch | undefined } | undefined {
  const [, , word] = /^appcast(-([a-z0-9_]+))?\.xml$/i.exec(name) ?? [''];
  if (word === undefined) return /^appcast\.xml$/i.test(name) ? { arch: undefined } : undefined;
  const arch = archCalled(word);
  return arch && { arch };
}
