import { existsSync } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { platform } from 'node:os';
import { dirname } from 'node:path';
import { OtaError } from '../../errors.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import type { ListenAddress } from '../../server/listen.ts';

/** The longest path of a Unix socket, in bytes: that of `sun_path` in unix(7), without its end. */
const MAX_SOCKET_PATH = platform() === 'linux' ? 107 : 103;

/**
 * Removes the file of a Unix socket that a killed server left, and where no other could listen.
 * @throws OtaError `usage` where there can be no socket, for which the system gives misleading reasons
 */
export async function removeUnusedSocket(address: ListenAddress): Promise<void> {
  if (!('path' in address)) return;
  const { path } = address;
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_PATH)
    throw refused(address, `its path has ${bytes} bytes, and may have ${MAX_SOCKET_PATH}`);
  if (!existsSync(dirname(path))) throw refused(address, 'its folder does not exist');
  const file = await lstat(path).catch(() => undefined);
  if (file !== undefined && !file.isSocket()) throw refused(address, 'something that is no socket is there');
  if (file !== undefined && (await isRefused(path))) await unlink(path).catch(() => {});
}

function refused(address: ListenAddress, reason: string, cause?: unknown): OtaError {
  return new OtaError('usage', `cannot listen on ${nameOf(address)}: ${reason}`, {
    cause,
    hint: hintFor(address, errorCode(cause) ?? ''),
  });
}

function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve(errorCode(error) === 'ECONNREFUSED'));
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'the address does not belong to this machine',
  ENOTFOUND: 'no such host',
  ENOENT: 'its folder does not exist',
  EINVAL: 'it is not a socket that can be listened on',
};

export function cannotListen(cause: unknown, address: ListenAddress): OtaError {
  if (cause instanceof OtaError) return cause;
  const code = errorCode(cause) ?? '';
  const isBusySocket = code === 'EADDRINUSE' && !('port' in address);
  const reason = isBusySocket ? 'another process listens on it' : (REASONS[code] ?? messageOf(cause));
  return refused(address, reason, cause);
}

function nameOf(address: ListenAddress): string {
  if ('path' in address) return `the Unix socket ${address.path}`;
  if ('fd' in address) return `the socket that systemd passed (${address.fd})`;
  return `${address.host} port ${address.port}`;
}

function hintFor(address: ListenAddress, code: string): string {
  if ('path' in address)
    return 'Choose another path with --listen unix:/path; its folder has to exist and be writable.';
  if ('fd' in address) return 'Check the .socket unit: it needs ListenStream.';
  const isPort = code === 'EADDRINUSE' || code === 'EACCES';
  return isPort ? 'Choose another with --port; 0 picks a free one.' : 'Choose another with --host.';
}
