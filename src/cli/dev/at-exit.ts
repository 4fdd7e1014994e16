/**
 * Runs a clean-up once: when the returned function is called, else when the process ends, of anything but SIGKILL. So
 * it has to be synchronous.
 */
export function atExit(cleanUp: () => void): () => void {
  let done = false;
  const once = () => {
    if (done) return;
    done = true;
    process.off('exit', once);
    cleanUp();
  };
  process.on('exit', once);
  return once;
}
