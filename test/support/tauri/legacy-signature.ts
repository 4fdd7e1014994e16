import { createHash } from 'node:crypto';

/** A signature with its algorithm `ED` turned into `Ed`: then it is one of the 64 bytes of the hash of what was signed. */
export function asLegacy(signature: string): string {
  const [comment, line = '', ...rest] = Buffer.from(signature, 'base64').toString('utf8').split('\n');
  const blob = Buffer.from(line, 'base64');
  blob.write('Ed', 'latin1');
  return Buffer.from([comment, blob.toString('base64'), ...rest].join('\n')).toString('base64');
}

/** The file that was never signed, and that the legacy form of a file's signature fits. */
export function hashOf(bytes: Buffer): Buffer {
  return createHash('blake2b512').update(bytes).digest();
}
