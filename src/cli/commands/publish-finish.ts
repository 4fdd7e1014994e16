import { finishRelease } from '../../publish/finish-release.ts';
import { PUBKEY_SOURCE, readConfigFileInto } from '../config/config-file.ts';
import type { Context } from '../context.ts';
import { DEFAULT_CONCURRENCY } from '../defaults.ts';
import { readManifestSigner } from '../options/manifest-key.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readExpected } from '../options/platform-options.ts';
import { readPublicKey, readSlug } from '../options/remote-options.ts';
import { reportPublish } from '../output/publish-report.ts';
import { withPublisher } from '../wiring/with-publisher.ts';
import type { PublishFinishOptions } from './publish-command.ts';

/** Takes a draft live (extension `draft`). A release that is live already is only verified. */
export async function runPublishFinish(options: PublishFinishOptions, context: Context): Promise<void> {
  const errors = new OptionErrors();
  const config = readConfigFileInto(errors, '.');
  if (!options.release) errors.add('no draft given: pass --release with its id or version');
  const { signer: manifest, warning } = await readManifestSigner(
    options,
    { environment: context.environment, config },
    errors,
  );
  const request = {
    manifest,
    release: options.release ?? '',
    expect: options.expect === undefined ? undefined : readExpected(options.expect, errors),
    configured: readExpected(undefined, errors, config.expect),
    publicKey: options.pubkey
      ? readPublicKey(options.pubkey, errors)
      : readPublicKey(config.pubkey, errors, PUBKEY_SOURCE),
    embeddedKey: readPublicKey(options.embeddedPubkey, errors, '--embedded-pubkey'),
    slug: readSlug((options.slug ?? config.slug) || undefined, errors),
    allowStranding: options.allowStranding ?? false,
    concurrency: DEFAULT_CONCURRENCY,
  };
  const finished = await withPublisher({ options, context, errors, config }, async (publisher) => {
    if (warning !== undefined) publisher.report({ type: 'warning', message: warning });
    return { ...(await finishRelease(publisher, request)), client: publisher.client };
  });
  const { version } = finished.release;
  reportPublish({ ...finished, version }, context.output);
}
