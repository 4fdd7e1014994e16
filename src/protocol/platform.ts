/** api.md, "Upload Artifacts": target values. */
export const TARGETS = ['linux', 'darwin', 'windows'] as const;
/** api.md, "Upload Artifacts": arch values. */
export const DOCUMENTED_ARCHS = ['x86_64', 'aarch64'] as const;
/** With the extension `platforms`: every arch that Tauri's updater asks for. */
export const ARCHS = [...DOCUMENTED_ARCHS, 'i686', 'armv7', 'riscv64'] as const;

export type Target = (typeof TARGETS)[number];
export type Arch = (typeof ARCHS)[number];

/**
 * The kinds of bundle that Tauri's updater installs, by system (extension `platforms`). The order is that of
 * preference for apps that do not tell their own kind.
 */
export const BUNDLE_TYPES_OF = {
  linux: ['appimage', 'deb', 'rpm'],
  darwin: ['app'],
  windows: ['nsis', 'msi'],
} as const satisfies Readonly<Record<Target, readonly string[]>>;

export type BundleType = (typeof BUNDLE_TYPES_OF)[Target][number];

/** Every kind of bundle, in the order of preference. */
export const BUNDLE_TYPES: readonly BundleType[] = TARGETS.flatMap((target) => BUNDLE_TYPES_OF[target]);

/** One platform an artifact is for. */
export interface Platform {
  readonly target: Target;
  readonly arch: Arch;
  /** Extension `platforms`: for apps that were installed by this kind of bundle; for all of them when absent. */
  readonly bundleType?: BundleType | undefined;
}

/**
 * `darwin-aarch64`, `linux-x86_64-deb`: the last part of a documented `s3_key`, the name used on the command line, and
 * the key that Tauri's updater looks up in `platforms`.
 */
export function platformName({ target, arch, bundleType }: Platform): string {
  return bundleType === undefined ? `${target}-${arch}` : `${target}-${arch}-${bundleType}`;
}

/** The platform that fields of the API or of the database name. */
export function platformOf(fields: {
  readonly target: Target;
  readonly arch: Arch;
  readonly bundle_type?: BundleType | '' | null | undefined;
}): Platform {
  const { target, arch, bundle_type: bundleType } = fields;
  return { target, arch, ...(bundleType && { bundleType }) };
}

/** The platform without its kind of bundle. */
export function withoutBundleType({ target, arch }: Platform): Platform {
  return { target, arch };
}

/** What a platform's name looks like. */
export const PLATFORM_NAME_PATTERN = `^(?:${TARGETS.map(
  (target) => `${target}-(?:${ARCHS.join('|')})(?:-(?:${BUNDLE_TYPES_OF[target].join('|')}))?`,
).join('|')})$`;

/** The rule in words, for messages. */
export const PLATFORM_NAME_RULE =
  `one of ${TARGETS.join(', ')} with one of ${ARCHS.join(', ')}, like darwin-aarch64; ` +
  'where it is meant for one kind of bundle, with that, like linux-x86_64-deb';

const PLATFORM_NAME = new RegExp(PLATFORM_NAME_PATTERN);

/** Reads `darwin-aarch64` or `linux-x86_64-deb`; undefined when it names no platform. */
export function parsePlatform(name: string): Platform | undefined {
  if (!PLATFORM_NAME.test(name)) return undefined;
  const [target, arch, bundleType] = name.split('-') as [Target, Arch, BundleType | undefined];
  return { target, arch, ...(bundleType !== undefined && { bundleType }) };
}

/** Whether a bundle of this kind can be installed on a system. */
export function isBundleTypeOf(target: Target, bundleType: BundleType): boolean {
  return (BUNDLE_TYPES_OF[target] as readonly BundleType[]).includes(bundleType);
}

/** Whether a name, with or without a kind of bundle, is one of the platform's: `linux-x86_64` is also its deb's. */
export function namesPlatform(name: string, platform: Platform): boolean {
  return name === platformName(platform) || name === platformName(withoutBundleType(platform));
}

/** Those of the names that none of the platforms has. */
export function missingNames(names: readonly string[], platforms: readonly Platform[]): string[] {
  return names.filter((name) => !platforms.some((platform) => namesPlatform(name, platform)));
}

/** Orders the artifacts of one platform: first the one that an app gets which does not tell its kind of bundle. */
export function compareByPreference(a: Platform, b: Platform): number {
  return preference(a) - preference(b);
}

function preference({ bundleType }: Platform): number {
  return bundleType === undefined ? -1 : BUNDLE_TYPES.indexOf(bundleType);
}
