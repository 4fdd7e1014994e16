import { statfsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OtaError } from '../errors.ts';
import { HEADROOM } from '../runtime/disk-room.ts';
import { stagingFolder } from '../storage/stored-path.ts';
import { clone } from './copy-file.ts';

/**
 * Leaves the headroom of a store: the disk may be that of one which is being served.
 * @throws OtaError `no_space`, before anything is written that would not fit
 */
export function requireSpace(folder: string, needed: number): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= needed + HEADROOM) return;
  throw new OtaError('no_space', `the disk of ${folder} has no room for ${needed} more bytes`, {
    hint: 'Free space there, or choose a folder on another disk. An earlier backup in it is unchanged.',
  });
}

/** Whether copies of a file take no space in a folder: both are on one file system that shares the blocks of copies. */
export async function sharesBlocks(path: string, folder: string): Promise<boolean> {
  const probe = join(stagingFolder(folder), 'probe');
  try {
    return await clone(path, probe);
  } finally {
    await rm(probe, { force: true });
  }
}
