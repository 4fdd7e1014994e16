import { OptionErrors } from '../options/option-errors.ts';
import { type RemoteOptions, readSlug } from '../options/remote-options.ts';
import type { Context } from '../program.ts';
import { connectForApp } from '../wiring/connect.ts';

/** api.md, "Register a Slug". */
export async function runPublishSlug(options: RemoteOptions, context: Context, slug: string): Promise<void> {
  const problems = new OptionErrors();
  readSlug(slug, problems);
  const { client, retry, appId, transport } = connectForApp(options, context, problems);
  try {
    await retry.run(() => client.setSlug(appId, slug));
    context.output.document({ slug });
    context.output.step?.finish({ checkUrl: client.checkUrl(slug) });
    context.output.result(`Registered ${slug}. Installed apps ask at ${client.checkUrl(slug)}`);
  } finally {
    await transport.close();
  }
}
