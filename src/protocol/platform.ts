import { ANY_ARCH, ANY_TARGET, archCalled, targetCalled } from './other-names.ts';

/** The targets and archs of api.md, "Upload Artifacts". */
export const TARGETS = ['linux', 'darwin', 'windows'] as const;
export const DOCUMENTED_ARCHS = ['x86_64', 'aarch64'] as const;
/** Extension `platforms`: every arch that Tauri's updater asks for. */
export const ARCHS = [...DOCUMENTED_ARCHS, 'i686', 'armv7', 'riscv64'] as const;

export type Target = (typeof TARGETS)[number];
/** Extension `custom-targets`: what an app's own code sets as the target of its updater. */
export type CustomTarget = `${string}-${string}`;
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
  readonly target: Target | CustomTarget;
  readonly arch: Arch;
  /** Extension `platforms`: for apps installed from this bundle type only; for all when absent. */
  readonly bundleType?: BundleType | undefined;
}

/**
 * `darwin-aarch64`, `linux-x86_64-deb`: as on the command line, and in the `platforms` of Tauri's updater. With a custom
 * target `windows-portable@x86_64`. Also of a platform that this version does not know.
 */
export function platformName(platform: {
  readonly target: string;
  readonly arch: string;
  readonly bundleType?: string | undefined;
}): string {
  const { target, arch, bundleType } = platform;
  const name = target.includes('-') ? `${target}@${arch}` : `${target}-${arch}`;
  return bundleType === undefined ? name : `${name}-${bundleType}`;
}

/** From the fields of the API or of the database. */
export function platformOf(fields: {
  readonly target: Platform['target'];
  readonly arch: Arch;
  readonly bundle_type?: BundleType | '' | null | undefined;
}): Platform {
  const { target, arch, bundle_type: bundleType } = fields;
  return { target, arch, ...(bundleType && { bundleType }) };
}

export function withoutBundleType({ target, arch }: Platform): Platform {
  return { target, arch };
}

/** What names a platform, in the words of any ecosystem or with a mistake like `x86_46`, and so is no custom target. */
const LIKE_AN_ARCH = `(?:${ANY_ARCH}|universal|(?:x_?[68]|i[3-8]|ia|amd|aa?rch|arm|riscv?)[a-z_]*\\d\\w*|(?:sparc|s390|ppc|powerpc|mips|loong)\\w*)`;
const LIKE_A_PLATFORM = `${ANY_TARGET}-${LIKE_AN_ARCH}(?:-(?:${BUNDLE_TYPES.join('|')}))?`;

const MAX_CUSTOM_TARGET_LENGTH = 64;

/** A custom target in front of `end`. */
function customTargetBefore(end: string): string {
  const word = '[a-z0-9][a-z0-9_.]*';
  return `(?!${LIKE_A_PLATFORM}${end})(?=.{1,${MAX_CUSTOM_TARGET_LENGTH}}${end})${word}(?:-${word})+`;
}

const CUSTOM_TARGET = new RegExp(`^${customTargetBefore('$')}$`);

export const TARGET_PATTERN = `^(?:${TARGETS.join('|')}|${customTargetBefore('$')})$`;

/** The rule in words, for messages. */
export const TARGET_RULE =
  `one of ${TARGETS.join(', ')}; or the custom target of an app's updater, of lower-case letters, digits, _, . and at ` +
  `least one -, at most ${MAX_CUSTOM_TARGET_LENGTH} characters, that is not the name of a platform`;

const PLATFORM_NAME = `(?:${TARGETS.map(
  (target) => `${target}-(?:${ARCHS.join('|')})(?:-(?:${BUNDLE_TYPES_OF[target].join('|')}))?`,
).join('|')}|${customTargetBefore('@')}@(?:${ARCHS.join('|')}))`;

export const PLATFORM_NAME_PATTERN = `^${PLATFORM_NAME}$`;

export const PLATFORM_LIST_PATTERN = `^${PLATFORM_NAME}(?:,${PLATFORM_NAME}){0,63}$`;

/** The rule in words, for messages. */
export const PLATFORM_NAME_RULE =
  `one of ${TARGETS.join(', ')} with one of ${ARCHS.join(', ')}, like darwin-aarch64; ` +
  'where it is meant for one kind of bundle, with that, like linux-x86_64-deb; ' +
  'or a custom updater target with its arch, like windows-x86_64-fixed-webview2@x86_64';

export function isCustomTarget(name: string): name is CustomTarget {
  return CUSTOM_TARGET.test(name);
}

const PLATFORMS: ReadonlyMap<string, Platform> = new Map(
  TARGETS.flatMap((target) => ARCHS.map((arch) => ({ target, arch })))
    .flatMap((platform) => [
      platform,
      ...BUNDLE_TYPES_OF[platform.target].map((bundleType) => ({ ...platform, bundleType })),
    ])
    .map((platform) => [platformName(platform), platform]),
);

/** Reads `darwin-aarch64`, `linux-x86_64-deb` or `windows-portable@x86_64`; undefined for any other name. */
export function parsePlatform(name: string): Platform | undefined {
  const [target = '', arch, ...rest] = name.split('@');
  const known = ARCHS.find((each) => each === arch);
  if (known === undefined || rest.length > 0) return PLATFORMS.get(name);
  return isCustomTarget(target) ? { target, arch: known } : undefined;
}

/**
 * A whole platform by any name: `darwin-aarch64` and `macos-arm64` alike. Without an arch for `darwin-universal`, which
 * Tauri's documentation gives as an example of a target.
 */
export function platformCalled(
  name: string,
): (Omit<Platform, 'arch'> & { readonly arch?: Arch }) | undefined {
  const [, os = '', cpu = '', kind] = WHOLE_NAME.exec(name.trim().toLowerCase()) ?? [];
  const target = targetCalled(os);
  if (target === undefined) return undefined;
  const arch = archCalled(cpu);
  const bundleType = BUNDLE_TYPES_OF[target].find((type) => type === kind);
  if (kind !== undefined && bundleType === undefined) return undefined;
  return { target, ...(arch && { arch }), ...(bundleType && { bundleType }) };
}

const WHOLE_NAME = new RegExp(`^(${ANY_TARGET})-(${ANY_ARCH}|universal)(?:-(${BUNDLE_TYPES.join('|')}))?$`);

/** The system that a target is of; undefined where a custom one does not begin with its name. */
export function systemOf(target: Platform['target']): Target | undefined {
  return targetCalled(target.split('-')[0] ?? '');
}

export function isBundleTypeOf(target: Platform['target'], bundleType: BundleType): boolean {
  return TARGETS.some((each) => each === target && BUNDLE_TYPES_OF[each].some((type) => type === bundleType));
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
