/**
 * A shell script that runs a command until its standard input ends, then interrupts it: so it ends with the process
 * that started it, even if that is killed. PostgreSQL and nginx call that a fast shutdown.
 */
export const UNTIL_INPUT_ENDS =
  '"$@" & child=$!; cat > /dev/null; kill -INT $child 2> /dev/null; wait $child';
