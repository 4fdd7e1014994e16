import { platformName } from '../../protocol/platform.ts';
import { presenceIssues } from '../../publish/inspect/inspect-artifacts.ts';
import { publishArtifact } from '../../publish/publish-artifact.ts';
import { readConfigFileInto } from '../config/config-file.ts';
import type { Context } from '../context.ts';
import { readJobRun } from '../options/job-run.ts';
import { readManifestSigner } from '../options/manifest-key.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readPlatform } from '../options/platform-options.ts';
import { readPublicKey, readSlug } from '../options/remote-options.ts';
import { platformFields } from '../output/publish-report.ts';
import { findProjectApp } from '../project/project-app.ts';
import { readAttestor, requireSigstoreIdentity } from '../wiring/sigstore.ts';
import { withPublisher } from '../wiring/with-publisher.ts';
import type { PublishArtifactOptions } from './publish-command.ts';

/** Uploads one file into a release that exists (api.md, "Upload Artifacts"). */
export async function runPublishArtifact(
  options: PublishArtifactOptions,
  context: Context,
  file: string,
): Promise<void> {
  const errors = new OptionErrors();
  const { release = '' } = options;
  if (!release) errors.add('no release given: pass --release with its id or version');
  const platform = readPlatform(options, errors);
  const publicKey = readPublicKey(options.pubkey, errors);
  const slug = readSlug(options.slug || undefined, errors);
  const projectApp = await findProjectApp({ project: '.' });
  const { environment } = context;
  const run = readJobRun(options.job, environment, errors);
  const config = readConfigFileInto(errors, '.');
  const read = await readManifestSigner(options, { environment, config }, errors);
  const { signer: manifest, validity, warning } = read;
  if (options.attest) requireSigstoreIdentity(environment, errors);
  const openAttestor = await readAttestor(options, context, errors);
  if (platform) errors.addIssues(await presenceIssues([{ ...platform, file }], { projectApp }));
  const artifact = await withPublisher({ options, context, errors, config }, async (publisher) => {
    if (platform === undefined) throw errors.toError();
    if (warning !== undefined) publisher.report({ type: 'warning', message: warning });
    const { allowMismatch = false } = options;
    const attestor = await openAttestor(publisher);
    const attestation = attestor && { attestor, validity };
    const rules = { allowMismatch, projectApp, manifest, attestation };
    return publishArtifact(publisher, { ...platform, file, release, slug, publicKey, run, ...rules });
  });
  const { output } = context;
  const { size, sha256, action } = artifact;
  const done = action === 'skip' ? 'skipped' : 'uploaded';
  output.document({ ...platformFields(artifact), file, size, sha256, action: done });
  output.step?.finish({
    status: action === 'skip' ? 'unchanged' : 'published',
    artifacts: [{ ...artifact, action: done, verified: false }],
  });
  const replaced = artifact.replaces ? ', in place of the file of an earlier attempt of this job' : '';
  const repaired = artifact.repairs ? ', which repairs the file that the server had lost' : '';
  output.result(`${platformName(artifact)} ${done} (sha256:${sha256})${replaced}${repaired}`);
}
