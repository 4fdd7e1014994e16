import { parse } from 'yaml';
import { EXAMPLES } from './pages.ts';

/** A step of a GitHub workflow. */
export interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly shell?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Job {
  readonly 'runs-on': string;
  readonly strategy?: {
    readonly 'fail-fast': boolean;
    readonly matrix: { readonly include: readonly { readonly os: string }[] };
  };
  readonly env?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

export interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** The workflows among the examples, by the names of their files. */
export const WORKFLOWS: ReadonlyMap<string, Workflow> = new Map(
  EXAMPLES.filter(({ path }) => path.startsWith('examples/github-actions/')).map(({ path, text }) => [
    path.slice(path.lastIndexOf('/') + 1),
    parse(text),
  ]),
);
