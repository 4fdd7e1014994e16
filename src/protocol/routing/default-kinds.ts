import { type BundleType, compareByPreference, type Platform } from '../platform.ts';

/**
 * What apps of a platform get that do not say how they were installed: files of these kinds, the main one first; `''` is
 * a file for all of them.
 */
export type DefaultKinds = readonly (BundleType | '')[];

/** A file, and what its platform was answered with when the release went live. */
export interface ClosableFile extends Platform {
  /**
   * Extension `close`: null where these are other files, so that only apps that ask for its bundle type get it. Undefined
   * before it is live: all such files of a platform will be its default together.
   */
  readonly defaultKinds?: DefaultKinds | null | undefined;
}

/** Of a platform that no one was answered for, once these files are live. */
export function defaultKindsOf(files: readonly Platform[]): DefaultKinds {
  return files.toSorted(compareByPreference).map(kindOf);
}

/**
 * Of the files of one release for one platform those that apps get which do not say how they were installed, the main
 * one first. None while one of them is missing: apps would get another file than before.
 */
export function defaultFiles<File extends ClosableFile>(files: readonly File[]): File[] {
  const kinds = files.find(({ defaultKinds }) => defaultKinds)?.defaultKinds;
  if (!kinds) return files.filter((file) => file.defaultKinds === undefined).toSorted(compareByPreference);
  const found = kinds.map((kind) => files.find((file) => file.defaultKinds && kindOf(file) === kind));
  const there = found.filter((file) => file !== undefined);
  return there.length === kinds.length ? there : [];
}

export function lacksDefaultFile(files: readonly ClosableFile[]): boolean {
  return files.some(({ defaultKinds }) => defaultKinds) && defaultFiles(files).length === 0;
}

/** Whether a file is the main one for apps that do not say how they were installed. */
export function isMainFile(file: ClosableFile): boolean {
  return file.defaultKinds === undefined || file.defaultKinds?.[0] === kindOf(file);
}

export function kindOf({ bundleType }: Platform): BundleType | '' {
  return bundleType ?? '';
}

export function groupByPlatform<File extends Platform & { readonly version: string }>(
  files: readonly File[],
): File[][] {
  const groups = new Map<string, File[]>();
  for (const file of files) {
    const place = `${file.version} ${file.target} ${file.arch}`;
    const others = groups.get(place);
    if (others === undefined) groups.set(place, [file]);
    else others.push(file);
  }
  return [...groups.values()];
}

/** By target and arch. Platforms that no one was answered for yet are left out. */
export type RecordedKinds = ReadonlyMap<string, DefaultKinds>;

/** Whether a file could be offered to no one: it is for all apps of a platform that is answered with others. */
export function isShutOut(recorded: RecordedKinds, file: Platform): boolean {
  const kinds = recorded.get(placeOf(file));
  return kinds !== undefined && file.bundleType === undefined && !kinds.includes(kindOf(file));
}

/** What is recorded for files that go live together; null where their platform is answered with others. */
export function closeKinds<File extends Platform>(
  files: readonly File[],
  recorded: RecordedKinds,
): (File & { readonly defaultKinds: DefaultKinds | null })[] {
  return files.map((file) => {
    const others = files.filter((other) => placeOf(other) === placeOf(file));
    const kinds = recorded.get(placeOf(file)) ?? defaultKindsOf(others);
    return { ...file, defaultKinds: kinds.includes(kindOf(file)) ? kinds : null };
  });
}

export function placeOf({ target, arch }: Pick<Platform, 'target' | 'arch'>): string {
  return `${target} ${arch}`;
}
