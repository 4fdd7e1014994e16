import { randomBytes } from 'node:crypto';
import { isVersion, precedenceOf } from '../protocol/version.ts';

/** A version that makes a check's URL new to any cache: build metadata does not change what is offered (SemVer 10). */
export function uncachedVersion(version: string): string {
  const uncached = `${precedenceOf(version)}+${randomBytes(4).toString('hex')}`;
  return isVersion(uncached) ? uncached : version;
}
