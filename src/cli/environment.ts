/** The process's environment: read in `main`, handed on from there. (What `--help` names, commander reads.) */
export type Environment = Readonly<Record<string, string | undefined>>;
