/** api.md, "Upload Artifacts": target values. */
export const TARGETS = ['linux', 'darwin', 'windows'] as const;
/** api.md, "Upload Artifacts": arch values. */
export const ARCHS = ['x86_64', 'aarch64'] as const;

export type Target = (typeof TARGETS)[number];
export type Arch = (typeof ARCHS)[number];

/** One platform an artifact is for. */
export interface Platform {
  readonly target: Target;
  readonly arch: Arch;
}

/** `darwin-aarch64`: the last part of a documented `s3_key`, and the name used on the command line. */
export function platformName(platform: Platform): string {
  return `${platform.target}-${platform.arch}`;
}

/** Every platform's name. */
export const PLATFORM_NAMES: readonly string[] = TARGETS.flatMap((target) =>
  ARCHS.map((arch) => platformName({ target, arch })),
);

/** Reads `darwin-aarch64`; undefined when it names no platform of this API. */
export function parsePlatform(name: string): Platform | undefined {
  for (const target of TARGETS) {
    for (const arch of ARCHS) {
      if (name === `${target}-${arch}`) return { target, arch };
    }
  }
  return undefined;
}
