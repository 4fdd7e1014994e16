import { existsSync, lstatSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { OtaError } from '../../errors.ts';

export const CONFIG_FILE = 'synckit-ota.config.json';

export interface ConfigSearch {
  /** The nearest one that may be read. */
  readonly file: string | undefined;
  /** Why a nearer one, or one further up, is not read: a sentence for people. */
  readonly notRead: string | undefined;
}

/**
 * Finds the nearest config file, from `folder` upwards. Whoever writes that file decides where the token is sent, so it
 * has to be the project's own: it is not searched for above the repository, the home folder or below the root of the
 * file system, and one that another user owns is not read (as Git does it: `safe.directory`).
 * @throws OtaError `usage` for a file of another user in the project itself: its settings must not be left out silently
 */
export function findConfigFile(folder: string): ConfigSearch {
  const start = resolve(folder);
  const { searched, border } = foldersToSearch(start);
  const isRepository = existsSync(join(border, '.git'));
  let notRead: string | undefined;
  for (const each of searched) {
    const file = join(each, CONFIG_FILE);
    if (!existsSync(file)) continue;
    const owner = otherOwner(file);
    if (owner === undefined) return { file, notRead };
    notRead ??= `${file} is not read, because it belongs to the user ${owner} and not to you or root`;
    if (isRepository || each === start) throw new OtaError('usage', notRead, { hint: TAKE_OVER });
  }
  return { file: undefined, notRead: notRead ?? explainAbove(border) };
}

const TAKE_OVER = 'Take it over with chown, or remove it and pass its settings as options.';

/** @returns the folders that may have the file, and the last of them */
function foldersToSearch(start: string): { readonly searched: readonly string[]; readonly border: string } {
  const searched = [start];
  let border = start;
  while (!existsSync(join(border, '.git')) && border !== homedir()) {
    const parent = dirname(border);
    if (isRoot(parent)) break;
    searched.push(parent);
    border = parent;
  }
  return { searched, border };
}

/** A file that stands too far up may be meant, and is then missed. */
function explainAbove(border: string): string | undefined {
  for (let above = border; !isRoot(above); ) {
    above = dirname(above);
    const file = join(above, CONFIG_FILE);
    if (!existsSync(file)) continue;
    const reason = existsSync(join(border, '.git'))
      ? `it is above the repository ${border}`
      : `the search ends at ${border}`;
    return `${file} is not read, because ${reason}`;
  }
  return undefined;
}

function isRoot(folder: string): boolean {
  return dirname(folder) === folder;
}

/** The user who owns a file, or the link to it, and is neither this one nor root. Windows has no such ids. */
function otherOwner(file: string): number | undefined {
  const own = process.geteuid?.();
  if (own === undefined) return undefined;
  const owners = [lstatSync(file).uid, statSync(file).uid];
  return owners.find((owner) => owner !== own && owner !== 0);
}
