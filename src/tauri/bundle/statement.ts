import { type BundleKind, type BundleName, targetOfBundle } from '../../protocol/bundle/bundle-name.ts';
import type { Arch, Target } from '../../protocol/platform.ts';
import type { BundleFolder } from '../project/cargo-target.ts';

/** What one source says about a bundle: its name, its path, its bytes, or the platform that it is published for. */
export interface Statement {
  readonly by: string; // "its name"
  readonly target?: Target | undefined;
  readonly kind?: BundleKind | undefined;
  readonly archs?: readonly Arch[] | undefined;
  readonly version?: string | undefined;
}

export interface Comparison<T> {
  readonly of: (statement: Statement) => T | undefined;
  /** Whether what another source says agrees with what the first one says. */
  readonly agree?: (first: T, other: T) => boolean;
  readonly spell?: (value: T) => string;
}

/** Which sources contradict the first of those that say something: "its name says x86_64, its header says aarch64". */
export function contradiction<T>(
  statements: readonly Statement[],
  { of, agree = Object.is, spell = String }: Comparison<T>,
): string | undefined {
  const said = statements.flatMap((statement) => {
    const value = of(statement);
    return value === undefined ? [] : [{ by: statement.by, value }];
  });
  const [first, ...others] = said;
  if (first === undefined) return undefined;
  const against = others.filter(({ value }) => !agree(first.value, value));
  if (against.length === 0) return undefined;
  return [first, ...against].map(({ by, value }) => `${by} says ${spell(value)}`).join(', ');
}

export function statementOfName({ kind, version, arch }: BundleName): Statement {
  return { by: 'its name', target: targetOfBundle(kind), kind, archs: arch && [arch], version };
}

/** The target triple in a path. */
export function statementOfFolder({ triple }: Pick<BundleFolder, 'triple'>): Statement {
  return { by: `the folder ${triple?.name}`, target: triple?.parsed?.target, archs: triple?.parsed?.archs };
}

export function spellArchs(archs: readonly Arch[]): string {
  return archs.length === 0 ? 'an unsupported arch' : [...archs].sort().join(' and ');
}

export function sameArchs(a: readonly Arch[], b: readonly Arch[]): boolean {
  return spellArchs(a) === spellArchs(b);
}

/**
 * Whether two spellings can stand for the same version. Only X.Y.Z has to agree: package systems and Apple have
 * formats of their own for the rest.
 */
export function sameCore(a: string, b: string): boolean {
  return coreOf(a) === coreOf(b);
}

/** X.Y.Z alone. An `Info.plist` allows no more, or less; a package may write `1:1.2.0~beta.1-1`. */
export function coreOf(version: string): string {
  const core = /^(?:\d+:)?v?(\d+(?:\.\d+){0,2})/.exec(version)?.[1];
  return core === undefined ? version : [...core.split('.'), '0', '0'].slice(0, 3).join('.');
}
