import { OtaError, type OtaErrorCode } from './errors.ts';

/** Something that keeps a publish from starting. All are found first and reported together. */
export interface Fault {
  readonly code: Extract<OtaErrorCode, 'usage' | 'preflight_refused' | 'conflict'>;
  readonly message: string;
  readonly hint: string;
  /** The file that is refused, where it is one alone. */
  readonly file?: string;
}

/** One error for all faults: with the code of the first kind there is, in the order usage, pre-flight, conflict. */
export function toError(faults: readonly [Fault, ...Fault[]]): OtaError {
  const [first] = faults;
  if (faults.length === 1) return new OtaError(first.code, first.message, { hint: first.hint });
  const codes = ['usage', 'preflight_refused', 'conflict'] as const;
  const code = codes.find((candidate) => faults.some((fault) => fault.code === candidate)) ?? first.code;
  const lines = faults.map(({ message, hint }) => `  - ${message}. ${hint}`);
  return new OtaError(code, [`${faults.length} problems, nothing was published:`, ...lines].join('\n'));
}

/** Throws them if there are any. */
export function throwFaults(faults: readonly Fault[]): void {
  const [first, ...others] = faults;
  if (first !== undefined) throw toError([first, ...others]);
}
