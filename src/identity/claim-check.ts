/** What a verified identity token says of a job. */
export type Claims = Readonly<Record<string, unknown>>;

/** A claim that is not what it has to be, in words. */
export interface ClaimMismatch {
  readonly claim: string;
  readonly expected: string;
  readonly actual: string;
}

/** What a claim has to be: always a text, and never an empty one. */
export interface ClaimCheck {
  readonly claim: string;
  /** Completes "must be …". */
  readonly expected: string;
  readonly accepts: (value: string) => boolean;
  /** Whether it may be missing. */
  readonly optional?: boolean;
}

/** How much of a claim is shown, in characters. */
const MAX_SHOWN_LENGTH = 200;
/** Longer claims are refused: what is stored of them stays small. */
const MAX_LENGTH = 1000;

/** Every claim that is not what it has to be. */
export function findMismatches(claims: Claims, checks: readonly ClaimCheck[]): ClaimMismatch[] {
  return checks
    .filter((check) => !isAccepted(claimOf(claims, check.claim), check))
    .map(({ claim, expected }) => ({ claim, expected, actual: shown(claimOf(claims, claim)) }));
}

function isAccepted(value: unknown, { accepts, optional = false }: ClaimCheck): boolean {
  if (value === undefined) return optional;
  return typeof value === 'string' && value !== '' && value.length <= MAX_LENGTH && accepts(value);
}

/** Of its own: not what all objects have. */
export function claimOf(claims: Claims, claim: string): unknown {
  return Object.hasOwn(claims, claim) ? claims[claim] : undefined;
}

/** A claim that was checked to be a text. Empty where it may be missing, and is. */
export function textOf(claims: Claims, claim: string): string {
  const value = claimOf(claims, claim);
  return typeof value === 'string' ? value : '';
}

/** A value as it may be shown. */
export function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value);
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}

export function exactly(claim: string, value: string): ClaimCheck {
  return { claim, expected: shown(value), accepts: (actual) => actual === value };
}

/** For names in which the CI system does not distinguish upper case from lower case. */
export function ignoringCase(claim: string, value: string): ClaimCheck {
  const lower = value.toLowerCase();
  return { claim, expected: shown(value), accepts: (actual) => actual.toLowerCase() === lower };
}

export function oneOf(claim: string, values: readonly string[]): ClaimCheck {
  return { claim, expected: `one of ${values.join(', ')}`, accepts: (actual) => values.includes(actual) };
}

/** A number that is written as text, as all of them write their ids. @param value null: any */
export function id(claim: string, value: string | null = null): ClaimCheck {
  if (value !== null) return exactly(claim, value);
  return { claim, expected: 'a number, as text', accepts: (actual) => /^[1-9]\d{0,19}$/.test(actual) };
}

export function anyText(claim: string): ClaimCheck {
  return { claim, expected: 'a text that is not empty', accepts: () => true };
}

/** SHA-1 or SHA-256. */
export function commit(claim: string): ClaimCheck {
  const isCommit = (actual: string) => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(actual);
  return { claim, expected: "a commit's hash", accepts: isCommit };
}
