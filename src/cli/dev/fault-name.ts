import type { OptionErrors } from '../options/option-errors.ts';

/** What `dev --fault` can do, as its help lists it. */
export const FAULTS = {
  slow: 'downloads at 64 KB/s',
  'cut=N': 'downloads are cut off at N percent (default: 50)',
  truncated: 'downloads end early, and look complete',
  'wrong-signature': 'the signature of the update does not verify',
  expired: 'download URLs are answered as if they had expired (403)',
  500: 'checks fail with status 500',
  html: 'checks are answered with an HTML page',
  loop: 'the update is offered to every version, also to its own',
} as const;
export type FaultName = 'cut' | Exclude<`${keyof typeof FAULTS}`, 'cut=N'>;

/** What goes wrong on purpose. */
export interface ChosenFault {
  readonly name: FaultName;
  /** Of a download, before it is cut off. */
  readonly percent: number;
}

const DEFAULT_PERCENT = 50;

/** Reads `--fault`. */
export function readFault(text: string | undefined, errors: OptionErrors): ChosenFault | undefined {
  if (text === undefined) return undefined;
  const [, name = '', percent] = /^([a-z0-9-]+)(?:=(\d{1,2}))?$/.exec(text.trim()) ?? [];
  const isKnown =
    name === 'cut' || (name !== 'cut=N' && Object.hasOwn(FAULTS, name) && percent === undefined);
  if (isKnown) return { name: name as FaultName, percent: Number(percent ?? DEFAULT_PERCENT) };
  const rule = text.trim().startsWith('cut=') ? ': N is 0 to 99' : '';
  errors.add(`--fault ${text} is not one of ${Object.keys(FAULTS).join(', ')}${rule}`);
  return undefined;
}

/** What it does, for people. */
export function effectOf({ name, percent }: ChosenFault): string {
  return name === 'cut' ? `downloads are cut off at ${percent} percent` : FAULTS[name];
}
