import { TARGETS } from '../platform.ts';

/** The lowest version of each operating system that a release runs on, which the app compares with its own. */
export type MinimumSystem = Readonly<Partial<Record<(typeof TARGETS)[number], string>>>;

export const SYSTEM_VERSION_PATTERN = '^\\d{1,6}(?:\\.\\d{1,6}){0,3}$';
export const SYSTEM_VERSION_RULE = 'up to four numbers with dots between them, like 10.15 or 10.0.17763';

const SYSTEM_VERSION = new RegExp(SYSTEM_VERSION_PATTERN);

/** Of `darwin=11.0`; undefined for what is none. */
export function parseMinimumSystem(text: string): MinimumSystem | undefined {
  const [name = '', version = '', ...others] = text.split('=').map((word) => word.trim());
  const target = TARGETS.find((one) => one === name);
  if (target === undefined || others.length > 0 || !SYSTEM_VERSION.test(version)) return undefined;
  return { [target]: version };
}

/** For a platform; an app that sets its target itself is on the system that it begins with. */
export function minimumSystemFor(minimum: MinimumSystem | null, target: string): string | undefined {
  const system = TARGETS.find((one) => target === one || target.startsWith(`${one}-`));
  return system && minimum?.[system];
}
