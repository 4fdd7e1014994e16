/** The entry of a worker thread. @param caller `import.meta.url` of a source beside it; it is beside its chunk once built */
export function workerFile(caller: string, name: string): URL {
  return new URL(`./${name}.${caller.endsWith('.ts') ? 'ts' : 'js'}`, caller);
}
