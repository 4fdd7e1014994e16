import { OtaError } from '../errors.ts';
import type { ReleaseAnswer } from '../protocol/messages.ts';
import type { PublicKey } from '../protocol/minisign.ts';
import { throwFaults } from './fault.ts';
import { type ArtifactInput, inspectArtifacts } from './local-artifact.ts';
import { lookAtServer } from './look.ts';
import { findRelease, type PlannedArtifact, plan } from './plan.ts';
import type { Publisher } from './publisher.ts';
import { uploadArtifact } from './upload-artifact.ts';

export interface PublishArtifactRequest extends ArtifactInput {
  /** Id or version of a release that exists. */
  readonly release: string;
  readonly publicKey?: PublicKey | undefined;
}

/** Uploads one file into an existing release, under the same rules as a whole publish. */
export async function publishArtifact(
  publisher: Publisher,
  request: PublishArtifactRequest,
): Promise<PlannedArtifact> {
  const { client, retry, appId, report } = publisher;
  const releases = await retry.run(() => client.listReleases(appId));
  const { version, id } = requireRelease(releases, request.release);
  const { target, arch, file, publicKey } = request;
  const { artifacts, faults, warnings } = await inspectArtifacts([{ target, arch, file }], {
    publicKey,
    version,
  });
  throwFaults(faults);
  for (const message of warnings) report({ type: 'warning', message });

  const server = await lookAtServer(publisher, { version, platforms: artifacts });
  const planned = plan({ version, allowPrerelease: true }, artifacts, {
    ...server,
    slug: server.slug ?? undefined,
  });
  if ('faults' in planned) throwFaults(planned.faults);
  const [artifact] = 'plan' in planned ? planned.plan.artifacts : [];
  if (artifact === undefined) throw new Error('a plan for one file has one artifact');
  if (artifact.action === 'upload') await uploadArtifact(publisher, id, artifact);
  else report({ type: 'skipped', artifact });
  return artifact;
}

/** A release by its id or version. @throws OtaError `usage` */
export function requireRelease(releases: readonly ReleaseAnswer[], idOrVersion: string): ReleaseAnswer {
  const version = idOrVersion.replace(/^v(?=\d)/, '');
  const release = releases.find(({ id }) => id === idOrVersion) ?? findRelease(releases, version);
  if (release !== undefined) return release;
  throw new OtaError('usage', `the app has no release ${idOrVersion}`, {
    hint: '`synckit-ota releases list` shows those it has.',
  });
}
