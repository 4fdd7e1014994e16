import { API_ROOT } from '../../../src/protocol/routes.ts';
import type { ExpectedUpdate } from '../../../src/publish/verify/verify-platform.ts';
import { LINUX, sha256Of } from '../tauri/local-file.ts';
import { SERVER } from './base-server.ts';

/*
 * A release of one file, and how it is served.
 */

export const BYTES = Buffer.from('the very bytes that were signed');
export const EXPECTED: ExpectedUpdate = {
  ...LINUX,
  slug: 'my-app',
  releaseId: 'r1',
  version: '1.2.0',
  size: BYTES.length,
  sha256: sha256Of(BYTES),
  signature: 'sig',
  publicKey: undefined,
};
/** The check URL for its platform, to which the app's version is appended. */
export const CHECK = `${SERVER}${API_ROOT}/my-app/linux/x86_64`;
/** Its file's own address. */
export const FILE = `${SERVER}${API_ROOT}/my-app/download/r1/linux/x86_64`;
export const OFFER = { version: '1.2.0', url: FILE, signature: 'sig' };
