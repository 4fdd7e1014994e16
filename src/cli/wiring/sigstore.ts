import { type IdentitySource, RunnerIdentities } from '../../client/identity/identity-source.ts';
import { Retry } from '../../client/retry.ts';
import type { SigstoreRoot } from '../../protocol/attestation/trusted-root.ts';
import type { Publisher } from '../../publish/publisher.ts';
import type { Attestor } from '../../publish/release-request.ts';
import { findSigstoreIdentity, identityHint } from '../connection/job-identity.ts';
import type { Context } from '../context.ts';
import type { Environment } from '../environment.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import { readTextFile } from '../options/remote-options.ts';
import { hide } from './connect.ts';

// Sigstore's library is loaded only where something is attested or verified.

export interface SigstoreOptions {
  readonly attest?: true | boolean | undefined;
  readonly sigstoreConfig?: string | undefined;
  readonly sigstoreRoot?: string | undefined;
}

/** What `--attest` needs of the job is found out with everything else that is wrong with the options. */
export function requireSigstoreIdentity(environment: Environment, errors: OptionErrors): void {
  if (findSigstoreIdentity(environment) !== undefined) return;
  const hint = identityHint(environment, 'SIGSTORE_ID_TOKEN: aud: sigstore`');
  errors.add(
    `--attest: this job has no identity to sign with: ${hint ?? 'run it in GitHub Actions with `permissions: id-token: write`, or in GitLab CI with `id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore`'}`,
  );
}

/** The keys that attestations are verified by. */
export async function readSigstoreRoot(
  { sigstoreRoot: file }: Pick<SigstoreOptions, 'sigstoreRoot'>,
  errors: OptionErrors,
): Promise<SigstoreRoot | undefined> {
  const { parseRoot, publicRoot } = await import('../../protocol/attestation/trusted-root.ts');
  if (!file) return publicRoot();
  const text = errors.attempt(() => readTextFile(file, '--sigstore-root'));
  if (text === undefined) return undefined;
  const root = parseRoot(text);
  if (root === undefined) {
    errors.add(
      `--sigstore-root ${file} is no trusted root: give the trusted_root.json of the Sigstore instance`,
    );
  }
  return root;
}

/** @returns opens what signs for this job; that gives undefined where nothing is to be attested */
export async function readAttestor(
  options: SigstoreOptions,
  context: Context,
  errors: OptionErrors,
): Promise<(publisher: Publisher) => Promise<Attestor | undefined>> {
  const { attest, sigstoreConfig: file } = options;
  if (!attest) return async () => undefined;
  const { PUBLIC_SERVICES, readSigningConfig } = await import(
    '../../client/attestation/sigstore-services.ts'
  );
  const root = await readSigstoreRoot(options, errors);
  const text = file ? errors.attempt(() => readTextFile(file, '--sigstore-config')) : undefined;
  const read = text === undefined ? undefined : readSigningConfig(text, new Date());
  if (read?.kind === 'unusable') errors.add(`--sigstore-config ${file} ${read.reason}`);
  if (file && !options.sigstoreRoot) {
    errors.add(
      '--sigstore-config needs --sigstore-root: what another Sigstore instance signs is verified by its own keys',
    );
  }
  const services = read?.kind === 'services' ? read.services : PUBLIC_SERVICES;
  const { environment, output } = context;
  return async ({ transport, retry, report, signal }) => {
    const identities = openIdentities(environment, { transport, signal });
    if (root === undefined || identities === undefined) throw errors.toError();
    const { SigstoreSigner } = await import('../../client/attestation/sigstore-signer.ts');
    const { patienceMs } = retry;
    return new SigstoreSigner({
      ...{ services, root, identities, transport, signal },
      retry: new Retry({ signal, patienceMs, onRetry: (notice) => report({ type: 'retrying', notice }) }),
      onSecret: (secret) => hide(secret, output),
    });
  };
}

function openIdentities(
  environment: Environment,
  { transport, signal }: Pick<Publisher, 'transport' | 'signal'>,
): IdentitySource | undefined {
  const origin = findSigstoreIdentity(environment);
  if (origin?.kind === 'runner') return new RunnerIdentities(origin.address, transport, signal);
  const [token] = origin?.tokens ?? [];
  return token === undefined ? undefined : { hasAnother: false, next: async () => token };
}
