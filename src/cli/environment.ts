/** The process's environment: read in `main`, handed on from there. (What `--help` names, commander reads.) */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Whether what is printed goes into a log, or to a terminal that cannot do more: nothing moves or is coloured. */
export function isPlain({ CI = '', GITHUB_ACTIONS, TERM }: Environment): boolean {
  return !['', '0', 'false'].includes(CI.toLowerCase()) || GITHUB_ACTIONS === 'true' || TERM === 'dumb';
}
