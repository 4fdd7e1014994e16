import { basename } from 'node:path';
import { sha256OfFile } from '../../client/transfer/hash-file.ts';
import { OtaError } from '../../errors.ts';
import type { ExpectedSigner } from '../../protocol/attestation/signer.ts';
import { expiryProblems, type Manifest } from '../../protocol/manifest/manifest.ts';
import type { PublicKey } from '../../protocol/minisign.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import {
  disagreementOf,
  type FoundManifest,
  findManifest,
  verifyManifest,
} from '../../publish/verify/offered-manifest.ts';
import { type ServedFile, verifyServed } from '../../publish/verify/verify-served.ts';
import { readExtraHeaders } from '../connection/extra-headers.ts';
import type { Context } from '../context.ts';
import { formatTable } from '../layout/table.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readPublicKey } from '../options/remote-options.ts';
import { whileWaiting } from '../output/spinner.ts';
import { connectPublicly } from '../wiring/connect.ts';
import {
  type CheckedAttestation,
  checkAttestation,
  expectationWarning,
  type FoundAttestation,
  foundIn,
  readExpectedSigner,
  requireAttested,
  signerLines,
} from './checked-attestation.ts';
import { otherSlug, SIGN_ONE } from './checked-manifest.ts';
import type { VerifyOptions } from './verify-command.ts';
import { readSubject, type VerifySubject } from './verify-subject.ts';

type Attested = Extract<CheckedAttestation, { kind: 'attested' }>;

interface Signed {
  /** Signed with the key; undefined without a key. */
  readonly manifest: Manifest | undefined;
  /** Undefined where there is none. */
  readonly attested: Attested | undefined;
  /** What either of them says. */
  readonly stated: Manifest;
}

interface Verified extends Signed {
  readonly files: readonly ServedFile[];
  readonly problems: readonly string[];
}

/** Extensions `manifest` and `attestation`. */
export async function runVerify(options: VerifyOptions, context: Context, text: string): Promise<void> {
  const errors = new OptionErrors();
  const key = readPublicKey(options.pubkey, errors);
  const expected = readExpectedSigner(options, errors);
  const subject = readSubject(text, options, errors);
  const headers = readExtraHeaders(options.header, { hasToken: false }, errors);
  if (subject?.kind === 'offline' && subject.manifest !== undefined && !options.pubkey) {
    errors.add('no key given: pass --pubkey, without which the manifest cannot be verified');
  }
  if (!errors.isEmpty || subject === undefined) throw errors.toError();
  const means = { key, expected, sigstoreRoot: options.sigstoreRoot, now: new Date() };
  const verified = await whileWaiting(context.output, 'Verifying', () =>
    subject.kind === 'live'
      ? verifyLive(subject, { ...means, context, headers })
      : verifyOffline(subject, means),
  );
  report(verified, means.now, context);
}

interface Means {
  /** Undefined: by the attestation alone. */
  readonly key: PublicKey | undefined;
  readonly expected: ExpectedSigner | undefined;
  readonly sigstoreRoot: string | undefined;
  readonly now: Date;
}

async function verifyLive(
  { version, slug, server }: Extract<VerifySubject, { kind: 'live' }>,
  means: Means & { context: Context; headers: Readonly<Record<string, string>> },
): Promise<Verified> {
  const { key, now, context, headers } = means;
  const remote = connectPublicly(server, headers, context);
  try {
    const manifest = key && requireManifest(await findManifest(remote, { slug, version, key }), version);
    const found = foundIn(await remote.retry.run(() => remote.client.attestations(slug, version)));
    const signed = await requireSigned(found, means, manifest);
    const { stated } = signed;
    const problems = problemsOf(signed, { version, now });
    if (stated.app !== slug) context.output.warning(otherSlug(stated, slug));
    const expired = manifest ? expiryProblems(manifest, now) : [];
    const isWrong = problems.some((problem) => !expired.includes(problem));
    const files = isWrong ? [] : await verifyServed(remote, slug, stated);
    const wrong = files.flatMap(({ platform, problem }) => (problem ? [`${platform}: ${problem}`] : []));
    return { ...signed, files, problems: [...problems, ...wrong] };
  } finally {
    await remote.transport.close();
  }
}

async function verifyOffline(
  { version, file, manifest: bundle, bundles }: Extract<VerifySubject, { kind: 'offline' }>,
  means: Means,
): Promise<Verified> {
  const { key, now } = means;
  const manifest =
    bundle === undefined || key === undefined ? undefined : requireManifest(verifyManifest(bundle, key));
  const signed = await requireSigned(bundles && { bundles }, means, manifest);
  const problems = problemsOf(signed, { version, now });
  if (file === undefined) return { ...signed, files: [], problems };
  const sha256 = await sha256OfFile(file);
  const files = [...signed.stated.files]
    .filter(([, { digest }]) => digest.sha256 === sha256)
    .map(([platform, subject]) => ({ platform, file: subject, problem: undefined }));
  const missing = files.length > 0 ? [] : [`${basename(file)} is not in it (SHA-256 ${sha256})`];
  return { ...signed, files, problems: [...problems, ...missing] };
}

/** @throws OtaError `verification_failed` */
function requireManifest(found: FoundManifest, version?: string): Manifest {
  if (found.kind === 'manifest') return found.manifest;
  if (found.kind === 'none' && found.why === 'unpublished') {
    throw new OtaError('verification_failed', `${found.reason}, so that there is nothing to verify`, {
      hint: 'Check the version and --slug; a draft is published by `publish finish`.',
    });
  }
  if (found.kind === 'none' && found.why === 'no_manifest' && version !== undefined) {
    throw new OtaError(
      'verification_failed',
      `${version} has no manifest, so that there is nothing to verify it by`,
      {
        hint: `${SIGN_ONE} \`check --download --pubkey\` verifies the signatures of its files.`,
      },
    );
  }
  const message = found.kind === 'none' ? `there is no manifest to rely on: ${found.reason}` : found.reason;
  throw new OtaError('verification_failed', message, {
    hint: 'Check that --pubkey is the key that it is signed with. If it is, do not trust what is served.',
  });
}

/**
 * An attestation is verified where there is one; it has to be there where somebody is expected, or nothing else was signed.
 * @throws OtaError `verification_failed`
 */
async function requireSigned(
  found: FoundAttestation | undefined,
  { expected, sigstoreRoot }: Means,
  manifest: Manifest | undefined,
): Promise<Signed> {
  if (found !== undefined) {
    const attested = requireAttested(await checkAttestation(found, { expected, sigstoreRoot }, manifest));
    return { manifest, attested, stated: manifest ?? withoutNotes(attested.attestation.stated) };
  }
  if (manifest !== undefined && expected === undefined) {
    return { manifest, attested: undefined, stated: manifest };
  }
  throw new OtaError('verification_failed', 'there is no attestation to rely on', {
    hint: 'Pass --pubkey to verify the release by its manifest, or publish with --attest.',
  });
}

/** Release notes can be edited after the job has ended, and no job attests them again: only a manifest vouches for them. */
function withoutNotes(stated: Manifest): Manifest {
  return { ...stated, notesSha256: undefined };
}

function problemsOf(
  { manifest, attested, stated }: Signed,
  { version, now }: { readonly version: string | undefined; readonly now: Date },
): string[] {
  const problems = manifest ? expiryProblems(manifest, now) : [];
  if (version !== undefined && stated.version !== version) {
    problems.push(`its version is ${stated.version}, not ${version}`);
  }
  if (stated.missing.length > 0) problems.push(`nothing is signed for ${stated.missing.join(', ')}`);
  problems.push(...(attested?.missing ?? []).map((text) => `the attestation ${text}`));
  return problems;
}

/** @throws OtaError `verification_failed` */
function report(
  { manifest, attested, stated, files, problems }: Verified,
  now: Date,
  { output }: Context,
): void {
  const problemOf = new Map(files.map(({ platform, problem }) => [platform, problem]));
  const { version, channel, requires, missing } = stated;
  output.document({
    version,
    channel,
    requires,
    key_ids: stated.keyIds,
    expires_at: manifest ? formatTimestamp(manifest.expiresAt.getTime()) : null,
    attestation: attested
      ? { signers: attested.attestation.signers, expected_by: attested.expectedBy }
      : null,
    missing,
    files: [...stated.files].map(([platform, { name, digest, annotations }]) => ({
      platform,
      name,
      size: annotations.size,
      sha256: digest.sha256,
      verified: problemOf.has(platform) ? problemOf.get(platform) === undefined : null,
    })),
    problems,
  });
  const rows = [...stated.files].map(([platform, { digest, annotations }]) => [
    `  ${platform}`,
    formatBytes(annotations.size),
    `sha256:${digest.sha256}`,
    problemOf.has(platform) ? (problemOf.get(platform) ?? 'verified') : '',
  ]);
  const signed = manifest
    ? `, signed with key ${manifest.keyIds.join(', ')}, until ${manifest.expiresAt.toISOString().slice(0, 10)}`
    : '';
  const signers = attested ? signerLines(attested.attestation) : [];
  output.result([version + signed, ...signers, ...formatTable(rows, { width: output.columns })]);
  const warning = attested && expectationWarning(attested.expectedBy);
  if (warning) output.warning(warning);
  const what = [...(manifest ? ['manifest'] : []), ...(attested ? ['attestation'] : [])].join(' and the ');
  if (problems.length === 0) {
    const verb = manifest && attested ? 'are' : 'is';
    output.result(output.style('green', `The ${what} ${verb} valid.`));
    return;
  }
  const disagreement = manifest && disagreementOf(manifest, problems, now);
  if (disagreement?.renewal !== undefined) {
    throw new OtaError('verification_failed', disagreement.message, { hint: disagreement.renewal });
  }
  throw new OtaError('verification_failed', `the ${what} does not agree: ${problems.join('; ')}`, {
    hint: 'Do not install what is served, and find out who has changed it: see docs/publishing/signatures.md.',
  });
}
