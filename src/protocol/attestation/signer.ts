import { X509Certificate } from '@sigstore/core';
import type { AttestedJob } from '../messages.ts';

/** Who has signed a bundle, as a certificate authority found out: the job's CI system vouches for it. */
export interface Signer {
  /** Of a job, the URL of its workflow with the ref: `https://github.com/octo/app/.github/workflows/r.yml@refs/tags/v1`. */
  readonly identity: string;
  /** What issued the identity token. */
  readonly issuer: string;
  /** The rest is absent for what is no CI job. */
  readonly repository?: string; // its URL
  readonly commit?: string;
  readonly ref?: string;
  readonly run?: string; // its URL
}

/** Who has to be the signer; what is absent may be anything. */
export interface ExpectedSigner {
  /** As in `Signer`; a URL without `@ref` stands for all its refs. */
  readonly identity?: string | undefined;
  readonly issuer?: string | undefined;
  /** Extension `trusted-publishing`: the job that created the release. */
  readonly job?: AttestedJob | null | undefined;
  readonly source?: JobSource | undefined;
}

/** The repository that jobs are of: its name, or path, at an issuer of identity tokens. */
export interface JobSource {
  readonly issuer: string;
  readonly repository: string;
}

/** The extensions of a certificate: https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md */
const EXTENSIONS = {
  repository: '1.3.6.1.4.1.57264.1.12',
  commit: '1.3.6.1.4.1.57264.1.13',
  ref: '1.3.6.1.4.1.57264.1.14',
  run: '1.3.6.1.4.1.57264.1.21',
} as const;

/** What a certificate that was verified says of the job. @param der the certificate */
export function jobIn(der: Buffer): Omit<Signer, 'identity' | 'issuer'> {
  const certificate = X509Certificate.parse(Buffer.from(der));
  const found = Object.entries(EXTENSIONS).flatMap(([name, oid]) => {
    const text = certificate.extension(oid)?.valueObj.subs[0]?.value.toString('utf8');
    return text ? [[name, text] as const] : [];
  });
  return Object.fromEntries(found);
}

/** In what a signer is not the expected one: each completes "the attestation …". */
export function differences(signer: Signer, { identity, issuer, job, source }: ExpectedSigner): string[] {
  return [
    ...(identity === undefined || isIdentity(signer.identity, identity)
      ? []
      : [`is by ${signer.identity}, not ${identity}`]),
    ...(issuer === undefined || signer.issuer === issuer
      ? []
      : [`is by an identity of ${signer.issuer}, not ${issuer}`]),
    ...(job ? jobDifferences(signer, job) : []),
    ...(source === undefined || isOf(signer, source)
      ? []
      : [`is by ${signer.identity} (${signer.issuer}), not by a job of ${source.repository}`]),
  ];
}

function isOf(signer: Signer, { issuer, repository }: JobSource): boolean {
  return (
    signer.issuer === issuer &&
    signer.repository?.toLowerCase().endsWith(`/${repository.toLowerCase()}`) === true
  );
}

function isIdentity(actual: string, expected: string): boolean {
  if (actual === expected) return true;
  return expected.startsWith('https://') && !expected.includes('@') && actual.startsWith(`${expected}@`);
}

/** A release that got files of several commits is only compared by its repository. */
function jobDifferences(signer: Signer, job: AttestedJob): string[] {
  const { issuer, repository, commit, mixed } = job;
  if (signer.issuer !== issuer || signer.repository?.toLowerCase() !== repositoryUrl(job)) {
    return [
      `is by ${signer.identity} (${signer.issuer}), but the release was created by a job of ${repository} (${issuer})`,
    ];
  }
  return mixed || signer.commit === commit
    ? []
    : [`is by a job at commit ${signer.commit}, but the release was created at ${commit}`];
}

/** In lower case: where the URL of the run begins. */
function repositoryUrl({ repository, run }: AttestedJob): string | undefined {
  const path = `/${repository}/`;
  const start = run.indexOf(path);
  return start < 0 ? undefined : run.slice(0, start + path.length - 1).toLowerCase();
}
