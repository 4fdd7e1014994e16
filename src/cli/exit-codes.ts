import type { OtaErrorCode } from '../errors.ts';

/** The process's exit codes, for scripts (docs/reference/exit-codes.md). */
export const EXIT = {
  done: 0,
  bug: 1,
  usage: 2,
  unauthorized: 3,
  preflightRefused: 4,
  conflict: 5,
  verificationFailed: 6,
  network: 7,
  notTheApi: 8,
  store: 9,
  interrupted: 130,
  terminated: 143,
} as const;

const BY_ERROR: Readonly<Record<OtaErrorCode, number>> = {
  usage: EXIT.usage,
  unauthorized: EXIT.unauthorized,
  preflight_refused: EXIT.preflightRefused,
  conflict: EXIT.conflict,
  verification_failed: EXIT.verificationFailed,
  network: EXIT.network,
  not_the_api: EXIT.notTheApi,
  store_unavailable: EXIT.store,
  durability_lost: EXIT.store,
  outcome_unknown: EXIT.store,
  no_space: EXIT.store,
  interrupted: EXIT.interrupted,
};

export function exitCodeOf(code: OtaErrorCode): number {
  return BY_ERROR[code];
}
