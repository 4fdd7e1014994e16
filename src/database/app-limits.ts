/** What an app may have, by the names of the limits: docs/self-hosting/apps-and-tokens.md, "Limits". */
export const LIMIT_NAMES = [
  'releases',
  'drafts',
  'pending_uploads',
  'channels',
  'slugs',
  'notes_bytes',
  'stored_bytes',
  'hourly_changes',
] as const;

export type LimitName = (typeof LIMIT_NAMES)[number];

/** Null for no limit. */
export type AppLimits = Readonly<Record<LimitName, number | null>>;

/** What an app has of each. */
export type AppUsage = Readonly<Record<LimitName, number>>;

/** Beyond what a real app has, so that one app's token can neither fill the store nor make its lists and checks slow. */
export const DEFAULT_LIMITS: AppLimits = {
  releases: 20_000,
  drafts: 200,
  pending_uploads: 500,
  channels: 50,
  slugs: 10,
  notes_bytes: 64 * 1024 * 1024,
  stored_bytes: null,
  hourly_changes: 10_000,
};

/** Of a release, uploads that are not complete included: each kind of bundle for each platform is some 40. */
export const MAX_FILES_OF_RELEASE = 200;

/**
 * Of lanes (`queries/lanes`): what the offers of an app are resolved from after each change. Ten platforms in each of 50
 * channels, with a key that was rotated three times, are 2,000.
 */
export const MAX_LANES = 2000;

/** Whether a limit is on a number of bytes. */
export function isSizeLimit(name: LimitName): boolean {
  return name === 'notes_bytes' || name === 'stored_bytes';
}

export function isLimitName(name: string): name is LimitName {
  return (LIMIT_NAMES as readonly string[]).includes(name);
}
