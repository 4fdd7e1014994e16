import { OtaError } from '../../errors.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import type { StoredState } from '../artifact-storage.ts';
import { openRegularFile } from '../regular-file.ts';

/** Errors that are about the one file. All others, such as too many open files, say nothing of it. */
const UNREADABLE: readonly (string | undefined)[] = ['EACCES', 'EPERM', 'EIO', 'NOT_A_FILE'];

/** Opens a file, as a download does: its entry in the folder may have the right size and not be readable. */
export async function inspectFile(path: string): Promise<StoredState> {
  try {
    const { handle, size } = await openRegularFile(path);
    await handle.close();
    return { kind: 'stored', size };
  } catch (cause) {
    const code = errorCode(cause);
    if (code === 'ENOENT') return { kind: 'missing' };
    if (code !== undefined && UNREADABLE.includes(code)) return { kind: 'unreadable', errorCode: code };
    throw new OtaError('store_unavailable', `stored files cannot be read: ${messageOf(cause)}`, { cause });
  }
}
