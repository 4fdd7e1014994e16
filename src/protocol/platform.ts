/** The targets and archs of api.md, "Upload Artifacts". */
export const TARGETS = ['linux', 'darwin', 'windows'] as const;
export const DOCUMENTED_ARCHS = ['x86_64', 'aarch64'] as const;
/** Extension `platforms`: every arch that Tauri's updater asks for. */
export const ARCHS = [...DOCUMENTED_ARCHS, 'i686', 'armv7', 'riscv64'] as const;

export type Target = (typeof TARGETS)[number];
export type Arch = (typeof ARCHS)[number];

/** What Tauri's updater installs, in the order of preference for apps that do not send a bundle type. */
export const BUNDLE_TYPES_OF = {
  linux: ['appimage', 'deb', 'rpm'],
  darwin: ['app'],
  windows: ['nsis', 'msi'],
} as const satisfies Readonly<Record<Target, readonly string[]>>;

export type BundleType = (typeof BUNDLE_TYPES_OF)[Target][number];

export const BUNDLE_TYPES: readonly BundleType[] = TARGETS.flatMap((target) => BUNDLE_TYPES_OF[target]);

/** What an artifact is for. */
export interface Platform {
  readonly target: Target;
  readonly arch: Arch;
  /** Extension `platforms`: for apps installed from this bundle type only; for all when absent. */
  readonly bundleType?: BundleType | undefined;
}

/** `darwin-aarch64`, `linux-x86_64-deb`: as on the command line, and in the `platforms` of Tauri's updater. */
export function platformName({ target, arch, bundleType }: Platform): string {
  return bundleType === undefined ? `${target}-${arch}` : `${target}-${arch}-${bundleType}`;
}

/** From the fields of the API or of the database. */
export function platformOf(fields: {
  readonly target: Target;
  readonly arch: Arch;
  readonly bundle_type?: BundleType | '' | null | undefined;
}): Platform {
  const { target, arch, bundle_type: bundleType } = fields;
  return { target, arch, ...(bundleType && { bundleType }) };
}

export function withoutBundleType({ target, arch }: Platform): Platform {
  return { target, arch };
}

const PLATFORM_NAME = `(?:${TARGETS.map(
  (target) => `${target}-(?:${ARCHS.join('|')})(?:-(?:${BUNDLE_TYPES_OF[target].join('|')}))?`,
).join('|')})`;

export const PLATFORM_NAME_PATTERN = `^${PLATFORM_NAME}$`;

export const PLATFORM_LIST_PATTERN = `^${PLATFORM_NAME}(?:,${PLATFORM_NAME}){0,63}$`;

/** The rule in words, for messages. */
export const PLATFORM_NAME_RULE =
  `one of ${TARGETS.join(', ')} with one of ${ARCHS.join(', ')}, like darwin-aarch64; ` +
  'where it is meant for one kind of bundle, with that, like linux-x86_64-deb';

const PLATFORMS: ReadonlyMap<string, Platform> = new Map(
  TARGETS.flatMap((target) => ARCHS.map((arch) => ({ target, arch })))
    .flatMap((platform): Platform[] => [
      platform,
      ...BUNDLE_TYPES_OF[platform.target].map((bundleType) => ({ ...platform, bundleType })),
    ])
    .map((platform) => [platformName(platform), platform]),
);

/** Reads `darwin-aarch64` or `linux-x86_64-deb`; undefined for any other name. */
export function parsePlatform(name: string): Platform | undefined {
  return PLATFORMS.get(name);
}

export function isBundleTypeOf(target: Target, bundleType: BundleType): boolean {
  return (BUNDLE_TYPES_OF[target] as readonly BundleType[]).includes(bundleType);
}

/** Whether a name, with or without a bundle type, covers the platform: `linux-x86_64` covers its deb too. */
export function namesPlatform(name: string, platform: Platform): boolean {
  return name === platformName(platform) || name === platformName(withoutBundleType(platform));
}

/** The names that cover none of the platforms. */
export function missingNames(names: readonly string[], platforms: readonly Platform[]): string[] {
  return names.filter((name) => !platforms.some((platform) => namesPlatform(name, platform)));
}

/** Sorts the bundle types of a platform, first the one for apps that do not send theirs. */
export function compareByPreference(a: Platform, b: Platform): number {
  return preference(a) - preference(b);
}

function preference({ bundleType }: Platform): number {
  return bundleType === undefined ? -1 : BUNDLE_TYPES.indexOf(bundleType);
}
