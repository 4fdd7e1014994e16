import type { AttestationResult } from '../protocol/attestation/attestation.ts';
import type { Signer } from '../protocol/attestation/signer.ts';
import type { SigstoreBundle } from '../protocol/attestation/sigstore-bundle.ts';
import type { RolloutRequest } from '../protocol/messages.ts';
import type { SigningKeyPair } from '../protocol/minisign-signer.ts';
import type { MinimumSystem } from '../protocol/policy/minimum-system.ts';
import type { JobRun } from '../protocol/upload/job-run.ts';
import type { Sourced } from '../tauri/project/tauri-config.ts';
import type { RequestedKeys } from './known-keys.ts';

export interface StatementValidity {
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** What the manifest of a release is signed with. */
export interface ManifestSigner extends StatementValidity {
  readonly pair: SigningKeyPair;
  /** Whether the key was given for manifests; else it is that of the files, which need none. */
  readonly isForManifests: boolean;
}

export interface Attested {
  readonly bundle: SigstoreBundle;
  readonly signer: Signer;
}

/** Has the identity of the job that publishes sign statements, and verifies what identities have signed. */
export interface Attestor {
  /** @param statement as `formatStatement` writes it. @throws OtaError */
  attest(statement: string): Promise<Attested>;
  /** Verifies what jobs of the same repository have signed, by the keys of the same Sigstore instance. @throws OtaError */
  verify(bundles: readonly SigstoreBundle[]): Promise<AttestationResult>;
}

/** The release to publish, before anything is known about the server. */
export interface ReleaseRequest extends RequestedKeys {
  readonly version: string;
  readonly notes?: string | undefined;
  /** Where the notes come from, for messages. */
  readonly notesSource?: string | undefined;
  /** To be registered for the app; unchanged when absent. */
  readonly slug?: string | undefined;
  /** Those in the endpoints of the project, which count where no slug is given. */
  readonly projectSlugs?: Sourced<readonly string[]> | undefined;
  /** Extension `channel`; stable when absent. */
  readonly channel?: string | undefined;
  /** Extension `draft`: upload, and leave the release a draft. */
  readonly draft?: boolean;
  /** Extension `expect`: names of the platforms that must be uploaded before it goes live. */
  readonly expect?: readonly string[] | undefined;
  /** Extension `replace-draft-files`: the job that publishes it. It may replace its earlier files in a draft. */
  readonly run?: JobRun | undefined;
  /** Extension `manifest`: signs what is published as a whole; undefined where there is no key for that. */
  readonly manifest?: ManifestSigner | undefined;
  /** Extension `attestation`: undefined where nothing is to be attested. */
  readonly attestor?: Attestor | undefined;
  /** From when to when what is signed about the release is valid. */
  readonly validity?: StatementValidity | undefined;
  /** Allow a pre-release in the stable channel. */
  readonly allowPrerelease: boolean;
  /** Allow a version that is lower than what is live. */
  readonly allowLower?: boolean;
  /** Extension `key-routing`: the lowest version that it is offered to. */
  readonly requires?: string | undefined;
  /** Extension `rollout`: who is offered it; everyone when absent. */
  readonly rollout?: RolloutRequest | undefined;
  /** Extension `policy`: apps have to take it, or one that contains it. */
  readonly mandatory?: boolean | undefined;
  readonly minimumSystem?: MinimumSystem | undefined;
  /** Allow that some versions have no way to the highest release any more. */
  readonly allowStranding?: boolean;
  /** Delete the release that this run created if it fails. */
  readonly rollbackOnFailure?: boolean;
}
