import { type Platform, platformName } from '../../protocol/platform.ts';
import type { DefaultKinds } from '../../protocol/routing/default-kinds.ts';

/*
 * A lane: all files of an app that apps can take under the same conditions. It is one text, so that an index leads from
 * lane to lane and, in each, to the highest version, however many versions there are.
 */

export interface FileLane extends Platform {
  readonly channel: string;
  readonly signingKeyId: string | null;
  readonly requires: string | null;
  /** As in `ClosableFile`. */
  readonly defaultKinds?: DefaultKinds | null | undefined;
}

export interface KnownLane extends Platform {
  readonly channel: string;
  readonly signingKeyId: string | null;
  readonly embeddedPubkey: string | null;
  /** As in `ClosableFile`. */
  readonly defaultKinds: DefaultKinds | null;
}

/** The lane of an artifact. */
export function fileLane({ signingKeyId, requires, ...file }: FileLane): string {
  return lane(file, signingKeyId, requires);
}

/** The lane of a file that was live at some time. */
export function knownLane({ signingKeyId, embeddedPubkey, ...file }: KnownLane): string {
  return lane(file, signingKeyId, embeddedPubkey);
}

/** What only apps get that ask for its bundle type. */
const ONLY_BY_TYPE = 'only-by-type';

function lane(
  { channel, target, arch, bundleType, defaultKinds }: Pick<FileLane, 'channel' | 'defaultKinds'> & Platform,
  ...conditions: readonly (string | null)[]
): string {
  const name = platformName({ target, arch, ...(bundleType !== undefined && { bundleType }) });
  const words = [channel, name, ...conditions.map((condition) => condition ?? '')];
  return (defaultKinds === null ? [...words, ONLY_BY_TYPE] : words).join(' ');
}
