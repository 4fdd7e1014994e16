/**
 * A shell script that runs a command until its standard input ends, then ends it by a signal: so it ends with the process
 * that started it, even if that is killed. PostgreSQL and nginx call an interrupt a fast shutdown.
 */
export const UNTIL_INPUT_ENDS = untilInputEnds('INT');

/** The same for a program that ignores interrupts, like HAProxy. */
export const UNTIL_INPUT_ENDS_BY_TERM = untilInputEnds('TERM');

function untilInputEnds(signal: string): string {
  return `"$@" & child=$!; cat > /dev/null; kill -${signal} $child 2> /dev/null; wait $child`;
}
