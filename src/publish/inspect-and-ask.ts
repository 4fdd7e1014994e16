import { OtaError } from '../errors.ts';
import type { Issue } from '../issue.ts';
import {
  type FoundFiles,
  findFiles,
  type Inspection,
  inspectArtifacts,
} from './inspect/inspect-artifacts.ts';
import type { ArtifactInput, InspectOptions } from './inspect/local-artifact.ts';
import type { Publisher } from './publisher.ts';

/** Files of up to this size are always inspected to the end, in bytes: it takes less than a second. */
const INSPECTED_ANYWAY = 64 * 1024 * 1024;
/** How long issues that are known wait for a server that does not respond, in milliseconds. */
const PATIENCE_MS = 5000;

export interface Questions<Answer> {
  /** Whether issues are known already. */
  readonly hasIssues: boolean;
  readonly inspect: Omit<InspectOptions, 'signal'>;
  /** What is wrong with hashed files, as far as that is known without the server. */
  readonly ownIssues: (inspection: Inspection) => readonly Issue[];
  /** Asks the server what it has and accepts, for files of which only size and signature are known yet. */
  readonly ask: (publisher: Publisher, files: FoundFiles['files']) => Promise<Answer>;
  /** What the answer rules out already, whatever is in the files. */
  readonly refusals: (answer: Answer, files: FoundFiles['files']) => readonly Issue[];
}

/** What the files and the server say. */
export type Findings<Answer> =
  /** The server refuses the publish: hashing large files to the end would only delay that. */
  | {
      readonly kind: 'refused_early';
      readonly answer: Answer;
      readonly files: FoundFiles['files'];
      /** With those of the files that need no hash. */
      readonly issues: readonly Issue[];
    }
  | { readonly kind: 'inspected'; readonly inspection: Inspection; readonly answer: Answer }
  /** The server could not be asked. */
  | { readonly kind: 'no_answer'; readonly issues: readonly Issue[]; readonly error: OtaError };

type Outcome<Answer> =
  | { readonly kind: 'answer'; readonly answer: Answer; readonly refusals: readonly Issue[] }
  | { readonly kind: 'error'; readonly error: OtaError };

/**
 * Hashes the files while the server is asked what it can refuse without the hashes: the token, the version, the sizes.
 * Large files are not hashed to the end once it does; small ones are, so that all issues are reported together. Issues
 * that are known do not wait for long for a server that does not respond.
 */
export async function inspectAndAsk<Answer>(
  publisher: Publisher,
  inputs: readonly ArtifactInput[],
  { hasIssues, inspect, ownIssues, ask, refusals }: Questions<Answer>,
): Promise<Findings<Answer>> {
  const found = await findFiles(inputs, inspect);
  const enough = new AbortController();
  const issuesKnown = new AbortController();
  if (hasIssues || found.issues.length > 0) issuesKnown.abort();
  const reader = { ...publisher, retry: publisher.retry.until(issuesKnown.signal) };
  const asking = settle(async (): Promise<Outcome<Answer>> => {
    const answer = await ask(reader, found.files);
    return { kind: 'answer', answer, refusals: refusals(answer, found.files) };
  }).then((outcome) => {
    const isRefusal = 'error' in outcome || outcome.refusals.length > 0;
    if (isRefusal && sizeOf(found.files) > INSPECTED_ANYWAY) enough.abort();
    return outcome;
  });
  asking.catch(() => {}); // awaited below, unless the inspection fails first
  const { signal = enough.signal } = publisher;
  const inspection = await inspectArtifacts(inputs, {
    ...inspect,
    signal: AbortSignal.any([signal, enough.signal]),
  }).catch((error) => {
    if (enough.signal.aborted && !publisher.signal?.aborted) return undefined;
    throw error;
  });
  const issues = inspection ? [...inspection.issues, ...ownIssues(inspection)] : found.issues;
  if (hasIssues || issues.length > 0) issuesKnown.abort();
  const outcome = await (issuesKnown.signal.aborted ? patiently(asking) : asking);
  if (outcome.kind === 'error') return { kind: 'no_answer', issues, error: outcome.error };
  const { answer } = outcome;
  if (inspection !== undefined) return { kind: 'inspected', inspection, answer };
  return { kind: 'refused_early', answer, files: found.files, issues: [...issues, ...outcome.refusals] };
}

/** Expected errors as a value. */
async function settle<Answer>(operation: () => Promise<Outcome<Answer>>): Promise<Outcome<Answer>> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof OtaError && error.code !== 'interrupted') return { kind: 'error', error };
    throw error;
  }
}

/** Waits for the server only for a while. */
async function patiently<Answer>(asking: Promise<Outcome<Answer>>): Promise<Outcome<Answer>> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<Outcome<Answer>>((resolve) => {
    const error = new OtaError('network', 'the server did not respond in time');
    timer = setTimeout(() => resolve({ kind: 'error', error }), PATIENCE_MS);
  });
  try {
    return await Promise.race([asking, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** A universal bundle is listed for two platforms, and read once. */
function sizeOf(files: FoundFiles['files']): number {
  const sizes = new Map(files.map(({ file, size }) => [file, size]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
