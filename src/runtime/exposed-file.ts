import { statSync } from 'node:fs';
import { platform } from 'node:os';

const READ = 0o4;
const WRITE = 0o2;
const ENTER = 0o1;

/**
 * Why a file with a secret is not its owner's alone, as a sentence; undefined where it is, or is missing. Windows shows no
 * such modes.
 */
export function exposureOfFile(path: string): string | undefined {
  const mode = modeOf(path);
  const verb = mode & WRITE ? 'change' : mode & READ ? 'read' : undefined;
  return verb && `every user of this machine can ${verb} ${path} (mode ${shown(mode)}): chmod 600 it`;
}

/** The same for a folder and files in it. Files in a folder that others cannot enter are not exposed. */
export function exposuresIn(folder: string, files: readonly string[]): string[] {
  const mode = modeOf(folder);
  if ((mode & ENTER) === 0) return [];
  const found = files.flatMap((file) => exposureOfFile(file) ?? []);
  if ((mode & WRITE) === 0) return found;
  return [
    `every user of this machine can replace the files in ${folder} (mode ${shown(mode)}): chmod 700 it`,
    ...found,
  ];
}

function modeOf(path: string): number {
  if (platform() === 'win32') return 0;
  return statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
}

function shown(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}
