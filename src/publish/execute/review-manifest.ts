import { formatBundle, namedKeys, openEnvelope, parseBundle } from '../../protocol/manifest/envelope.ts';
import { expiryProblems, readManifest } from '../../protocol/manifest/manifest.ts';
import type { PublicKey } from '../../protocol/minisign.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';

export interface ReviewedFile extends Platform {
  readonly sha256: string;
}

/** What the statements about a release say of its files, as far as they are signed with known keys. */
export interface ManifestReview {
  /** The names of the platforms that they are about. */
  readonly stated: ReadonlySet<string>;
  /** Why it cannot be relied on, as the end of "the manifest of 1.2.0 …"; undefined also where there is none. */
  readonly problem: string | undefined;
  /** Whether it contradicts the release itself, so that its files do not verify. */
  readonly isContradiction: boolean;
}

export interface ReviewOptions {
  readonly keys: readonly PublicKey[];
  /** As the release has them. */
  readonly files: readonly ReviewedFile[];
  readonly now: Date;
}

const NONE = { stated: new Set<string>(), problem: undefined, isContradiction: false };

/** @param bundle what the server keeps, of which nothing counts that is not signed with one of the keys */
export function reviewManifest(bundle: string, { keys, files, now }: ReviewOptions): ManifestReview {
  const envelopes = parseBundle(bundle);
  const own = envelopes.filter((envelope) => openEnvelope(envelope, keys).kind === 'verified');
  if (envelopes.length === 0) return NONE;
  if (own.length === 0) {
    const named = [...new Set(envelopes.flatMap(namedKeys))].join(', ');
    return { ...NONE, problem: `is signed with a key (${named}) that is not known for this app` };
  }
  const read = readManifest(formatBundle(own), keys);
  if (read.kind !== 'manifest') {
    return { ...NONE, problem: read.kind === 'invalid' ? read.reason : undefined, isContradiction: true };
  }
  const signed = read.manifest.files;
  const differing = files
    .map((file) => ({ name: platformName(file), sha256: file.sha256 }))
    .filter((file) => {
      const digest = signed.get(file.name)?.digest;
      return digest !== undefined && digest.sha256 !== file.sha256;
    });
  const stated = new Set(signed.keys());
  if (differing.length > 0) {
    const names = differing.map(({ name }) => name).join(', ');
    return { stated, problem: `names another file for ${names}`, isContradiction: true };
  }
  const [expired] = expiryProblems(read.manifest, now);
  const problem =
    expired &&
    `${expired.replace(/^it /, '')}: sign it again with \`releases sign ${read.manifest.version}\``;
  return { stated, problem, isContradiction: false };
}
