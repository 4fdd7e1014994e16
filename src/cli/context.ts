import type { Environment } from './environment.ts';
import type { Output } from './output/output.ts';

/** What a command runs with, besides its options. */
export interface Context {
  readonly output: Output;
  /** Aborted when the process is to stop. */
  readonly signal: AbortSignal;
  readonly environment: Environment;
}

/** Runs a command, with the options and the arguments that its declaration states. */
export type Run<Options, Arguments extends readonly unknown[] = readonly []> = (
  options: Options,
  context: Context,
  ...args: Arguments
) => Promise<void>;
