import type { Context } from '../context.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readSlug } from '../options/remote-options.ts';
import { connectForApp } from '../wiring/connect.ts';
import type { PublishSlugOptions } from './publish-command.ts';

/** Registers the app's slug (api.md, "Register a Slug"). */
export async function runPublishSlug(
  options: PublishSlugOptions,
  context: Context,
  slug: string,
): Promise<void> {
  const errors = new OptionErrors();
  readSlug(slug, errors);
  const { client, retry, appId, transport } = connectForApp(options, context, { errors });
  try {
    await retry.run(() => client.setSlug(appId, slug));
    const checkUrl = client.checkUrl(slug);
    context.output.document({ slug });
    context.output.step?.finish({ checkUrl });
    context.output.result(`Registered ${slug}. Installed apps check for updates at ${checkUrl}`);
  } finally {
    await transport.close();
  }
}
