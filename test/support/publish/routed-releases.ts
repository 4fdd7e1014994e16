import type { ReleaseResponse } from '../../../src/protocol/messages.ts';
import { formatKeyId, formatPublicKey } from '../../../src/protocol/minisign.ts';
import {
  generateSigningKeyPair,
  type SigningKeyPair,
  signFile,
} from '../../../src/protocol/minisign-signer.ts';
import { type Platform, platformName } from '../../../src/protocol/platform.ts';
import type { LocalArtifact } from '../../../src/publish/inspect/local-artifact.ts';
import { LINUX } from '../tauri/local-file.ts';
import { artifact, release } from './plan-inputs.ts';

/*
 * Releases and files that are signed with keys, for plans.
 */

/** A key pair, and what names it. */
export interface TestKey {
  readonly pair: SigningKeyPair;
  readonly id: string;
  /** As servers list it. */
  readonly text: string;
  readonly signature: string;
}

export function testKey(): TestKey {
  const pair = generateSigningKeyPair();
  const { publicKey } = pair;
  const blake2b512 = Buffer.alloc(64);
  const signature = signFile(pair, { blake2b512, fileName: 'app', version: '1.2.0' }, new Date());
  return { pair, id: formatKeyId(publicKey.keyId), text: formatPublicKey(publicKey), signature };
}

export interface ListedRelease {
  readonly signed: TestKey;
  /** The key that its build carries; undefined where that is not known. */
  readonly carries?: TestKey | undefined;
  readonly platforms?: readonly Platform[];
  readonly fields?: Partial<ReleaseResponse>;
}

/** A release as our server lists it. */
export function listedRelease(
  version: string,
  { signed, carries, platforms = [LINUX], fields = {} }: ListedRelease,
): ReleaseResponse {
  return release(version, {
    status: 'published',
    channel: 'stable',
    signature: null,
    signing_key_id: signed.id,
    ...(carries && { embedded_pubkey: carries.text }),
    artifacts: platforms.map(({ target, arch, bundleType = null }) => ({
      target,
      arch,
      bundle_type: bundleType,
      file_size: 7,
      sha256: 'ab',
      signature: signed.signature,
    })),
    ...fields,
  });
}

/** An inspected file that is signed with a key. */
export function signedFile({ signature }: TestKey, platform: Platform = LINUX): LocalArtifact {
  return artifact(platform, { signature, file: `${platformName(platform)}.bin` });
}
